//! What this CPU multiplies fast: it decides which number formats a network should have.

/// Whether there are instructions that sum products of bytes: those of AVX2 do so in 16 bits, which is enough for the zoo's networks.
pub(super) fn multiplies_bytes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("dotprod");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

/// Whether sums of two products of bytes are cut off at 16 bits, if they are summed fast: so it is on x86-64 without VNNI.
pub(super) fn cuts_sums_off() -> bool {
    #[cfg(target_arch = "x86_64")]
    return !is_x86_feature_detected!("avx512vnni") && !is_x86_feature_detected!("avxvnni");
    #[cfg(not(target_arch = "x86_64"))]
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
