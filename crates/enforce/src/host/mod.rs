//! A policy into this host's nftables, so that whatever dies, the host is in the old state or in the new one.
//!
//! ```text
//! apply    undo written to disk ─► one transaction: trial ─► confirm: one transaction: final
//! trial    the new rules hold while a set of the kernel's holds an element with a timeout; then the old ones hold again
//! undo     one transaction: what stood in the table before, counters and all
//! ```
//!
//! The kernel itself takes an unconfirmed policy back: no process of ours needs to live for that. Which policy stands in
//! the kernel is told by the name of an empty set (`policy_` and 16 hexadecimal digits) in the same table, so the state
//! is never guessed from files. Only the table `inet lazaret` is touched.

mod nft;
mod place;
mod ruleset;

pub use nft::{EnforceError, Nft};
pub use place::{Kept, Place};
pub use ruleset::{
    Standing, TRIAL_SECONDS_MAX, final_script, identity, old_statements, trial_script, undo_script,
};

use std::path::Path;

/// What an attempt to apply needs.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Names the policy: the same for the same rules.
    pub id: String,
    /// Name of the policy.
    pub name: String,
    /// Its statements.
    pub statements: Vec<String>,
    /// Whether everything else that is forwarded is dropped.
    pub segment: bool,
    /// Addresses and networks of the devices that it decides about.
    pub devices: Vec<String>,
    /// What stands in the kernel now.
    pub standing: Standing,
    /// The listing of the table now; empty where there is none.
    pub before: String,
}

/// What the host is in now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Status {
    /// What stands in the kernel.
    pub standing: Standing,
    /// What we keep of the last change; absent where nothing of ours is applied.
    pub kept: Option<Kept>,
    /// The table is not what was loaded: lines that are there and should not be (`+`) or should and are not (`-`).
    /// Empty where it is; absent where that cannot be told.
    pub drift: Option<Vec<String>>,
}

/// Makes a plan; changes nothing.
///
/// # Errors
/// [`EnforceError`] where nftables cannot be asked, or the policy has no words in it.
pub fn plan(nft: &Nft, policy: &policy::Policy) -> Result<Plan, EnforceError> {
    let statements = policy::render::nft_statements(policy).map_err(EnforceError::Policy)?;
    let segment = policy.scope == policy::Scope::Segment;
    let before = nft.table()?;
    let standing = Standing::of(&before);
    let id = identity(&statements, segment);
    let devices = policy.units.iter().flat_map(|unit| &unit.networks).map(ToString::to_string).collect();
    Ok(Plan { id, name: policy.name.clone(), statements, segment, devices, standing, before })
}

/// Puts a plan on trial for `seconds`. Each step tells `step` its name before it is done.
///
/// # Errors
/// [`EnforceError::OnTrial`] where another policy is on trial, or when a step fails; the old state stands then.
pub fn apply(
    nft: &Nft,
    place: &Place,
    plan: &Plan,
    seconds: u32,
    step: &mut dyn FnMut(&str) -> Result<(), EnforceError>,
) -> Result<Kept, EnforceError> {
    match &plan.standing {
        Standing::Trial { id, .. } => return Err(EnforceError::OnTrial(id.clone())),
        Standing::Foreign => return Err(EnforceError::Foreign),
        Standing::Nothing | Standing::Expired { .. } | Standing::Final { .. } => {}
    }
    if nft.table()? != plan.before {
        return Err(EnforceError::Changed);
    }
    let kept = Kept {
        id: plan.id.clone(),
        name: plan.name.clone(),
        segment: plan.segment,
        seconds,
        devices: plan.devices.clone(),
    };
    step("undo is written")?;
    // What was confirmed before is gone through: undo of the new goes back to the listing as it is now.
    place.write(&kept, &undo_script(&plan.before), &plan.statements)?;
    step("trial is loaded")?;
    nft.load(&trial_script(plan, seconds))?;
    step("trial stands")?;
    place.expect(&nft.table()?)?;
    Ok(kept)
}

/// Makes the policy on trial stay.
///
/// # Errors
/// [`EnforceError::NothingOnTrial`] where none is, also because its time was over; when a step fails.
pub fn confirm(
    nft: &Nft,
    place: &Place,
    step: &mut dyn FnMut(&str) -> Result<(), EnforceError>,
) -> Result<Kept, EnforceError> {
    let kept = place.read()?.ok_or(EnforceError::NothingOnTrial)?;
    let listing = nft.table()?;
    match Standing::of(&listing) {
        Standing::Trial { id, .. } if id == kept.id => {}
        _ => return Err(EnforceError::NothingOnTrial),
    }
    step("final rules are loaded")?;
    nft.load(&final_script(&listing, &kept.id, &place.statements()?, kept.segment))?;
    step("final rules stand")?;
    place.expect(&nft.table()?)?;
    Ok(kept)
}

/// Takes what was applied back.
///
/// # Errors
/// [`EnforceError::NothingApplied`] where nothing was; when a step fails.
pub fn undo(
    nft: &Nft,
    place: &Place,
    step: &mut dyn FnMut(&str) -> Result<(), EnforceError>,
) -> Result<Kept, EnforceError> {
    let kept = place.read()?.ok_or(EnforceError::NothingApplied)?;
    let listing = nft.table()?;
    let ours = matches!(
        Standing::of(&listing),
        Standing::Trial { id, .. } | Standing::Expired { id } | Standing::Final { id } if id == kept.id
    );
    step("old rules are loaded")?;
    if ours {
        // The names of what stands now are taken out first; what is put back is what undo says.
        nft.load(&[ruleset::clearing(&listing), place.undo()?].concat())?;
    }
    step("old rules stand")?;
    place.clear()?;
    Ok(kept)
}

/// Tells what stands, and whether it is what was loaded.
///
/// # Errors
/// [`EnforceError`] where nftables or the folder cannot be read.
pub fn status(nft: &Nft, place: &Place) -> Result<Status, EnforceError> {
    let listing = nft.table()?;
    let (standing, kept) = (Standing::of(&listing), place.read()?);
    let drift = match (&kept, place.expected()?) {
        (Some(_), Some(expected)) => Some(ruleset::difference(&expected, &listing)),
        _ => None,
    };
    Ok(Status { standing, kept, drift })
}

/// The folder where undo and plan are kept, unless another is named.
#[must_use]
pub fn default_place() -> &'static Path {
    Path::new("/var/lib/lazaret/enforce")
}
