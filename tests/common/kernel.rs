//! What the kernel of this machine can do, asked without the program: where it can, a program that fails is not skipped.

/// Whether it can confine a process; says so where not.
#[cfg(target_os = "linux")]
pub fn can_confine() -> bool {
    use landlock::{ABI, Access as _, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr};

    // Made and thrown away, it confines nothing.
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create);
    // A kernel that filters system calls counts the filters there (Linux 5.9, which is older than Landlock).
    let filters = std::fs::read_to_string("/proc/self/status").unwrap().contains("Seccomp_filters:");
    let missing = match ruleset {
        Err(error) => format!("Landlock ({error})"),
        Ok(_) if !filters => "seccomp".into(),
        Ok(_) => return true,
    };
    super::skip(&format!("confinement: this kernel has no {missing}"));
    false
}

/// Whether it can confine a process; says so where not.
#[cfg(not(target_os = "linux"))]
pub fn can_confine() -> bool {
    eprintln!("skipped: confinement is Linux's");
    false
}
