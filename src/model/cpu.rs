//! What this CPU multiplies fast: it decides which number formats a network should have.

/// Whether there are instructions that sum products of bytes. Without them ONNX Runtime is no faster in bytes, and on x86-64 its
/// sums overflow.
pub(super) fn multiplies_bytes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512vnni") || is_x86_feature_detected!("avxvnni");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("dotprod");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

/// Whether there are instructions that sum products of bfloat16.
pub(super) fn multiplies_halves() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Whether there are instructions that do so by whole tiles (AMX): with them halves take half as long again as bytes, not three times as long.
pub(super) fn multiplies_tiles_of_halves() -> bool {
    // The standard library does not tell of AMX yet.
    #[cfg(target_arch = "x86_64")]
    return raw_cpuid::CpuId::new().get_extended_feature_info().is_some_and(|features| features.has_amx_bf16());
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}
