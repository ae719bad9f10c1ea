//! The wall around files: Landlock.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags, path_beneath_rules,
};

use super::{Access, failed};
use crate::error::Result;

/// What is asked of the kernel at least: all that reads, writes, makes and removes files (Linux 5.13).
const LEAST: ABI = ABI::V1;
/// What is taken where the kernel has it: links and truncation (6.2), TCP (6.7), devices (6.10), signals (6.12).
const MOST: ABI = ABI::V6;

const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});
const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | MakeReg | RemoveFile | MakeDir | RemoveDir | Refer
});

pub(super) fn confine(access: &Access) -> Result<()> {
    match restrict(access) {
        Ok(RestrictionStatus { ruleset: RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced, .. }) => {
            Ok(())
        }
        Ok(_) => Err(failed("this kernel has no Landlock", &"Linux 5.13 or newer with lsm=landlock has it")),
        Err(error) => Err(failed("this kernel has no Landlock", &error)),
    }
}

fn restrict(access: &Access) -> Result<RestrictionStatus, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(LEAST))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(MOST))?
        .handle_access(AccessNet::from_all(MOST))?
        .scope(Scope::from_all(MOST))?
        .create()?
        .add_rules(path_beneath_rules(&access.read, READ))?
        .add_rules(path_beneath_rules(&access.write, WRITE))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::ReadFile | AccessFs::WriteFile))?
        .restrict_self()
}
