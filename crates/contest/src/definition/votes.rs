//! Reads the numbers of votes in rules and categories.

use super::{fields::Field, mistakes::Findings};

/// The maximum number of votes of a ballot in one category.
const MAX_VOTES_PER_CATEGORY: u64 = 1_000;

/// The maximum number of champions or winners of a category: the maximum number of entries.
pub(super) const MAX_PLACES: u64 = 100_000;

pub(super) fn votes_per_category(field: &Field<'_>, findings: &mut Findings) -> Option<[u32; 2]> {
    let [least, most] = field.pair("[least, most], such as [1, 1]", findings)?;
    let least = least.number(1..=MAX_VOTES_PER_CATEGORY, findings);
    let most = most.number(1..=MAX_VOTES_PER_CATEGORY, findings);
    let (least, most) = (least?, most?);
    if least > most {
        field.wrong(findings, format!("the least ({least}) must not be more than the most ({most})"));
        return None;
    }
    Some([least, most])
}
