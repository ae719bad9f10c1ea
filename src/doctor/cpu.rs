//! The processor: its name, its cores, and the instructions that make networks fast.

use std::thread;

use crate::model::devices::processor;

/// The processor.
#[derive(Clone, Debug)]
pub struct Cpu {
    /// As it names itself; its architecture where it does not.
    pub name: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Instruction sets that matter here and that it has.
    pub instructions: Vec<&'static str>,
}

/// The processor of this machine.
pub fn this() -> Cpu {
    Cpu {
        name: processor(),
        cores: thread::available_parallelism().map_or(1, usize::from),
        instructions: instructions(),
    }
}

#[cfg(target_arch = "x86_64")]
fn instructions() -> Vec<&'static str> {
    let sets = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx_vnni", is_x86_feature_detected!("avxvnni")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512_vnni", is_x86_feature_detected!("avx512vnni")),
        ("avx512_bf16", is_x86_feature_detected!("avx512bf16")),
        ("avx512_fp16", is_x86_feature_detected!("avx512fp16")),
    ];
    sets.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
}

#[cfg(target_arch = "aarch64")]
fn instructions() -> Vec<&'static str> {
    use std::arch::is_aarch64_feature_detected as has;
    let sets = [("neon", has!("neon")), ("dotprod", has!("dotprod")), ("fp16", has!("fp16")), ("i8mm", has!("i8mm"))];
    sets.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn instructions() -> Vec<&'static str> {
    Vec::new()
}
