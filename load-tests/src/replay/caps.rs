//! The numbers of votes that the rules of the replayed contest allow.

use std::str::FromStr;

use anyhow::{Context as _, Error, Result, bail};

/// The caps on a ballot. Without any cap a voter has one vote in each category.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Caps")]
pub(crate) struct Caps {
    /// Most votes in a category, for example `citywide=3`; without a name, in each category that is
    /// not named; may be repeated
    #[arg(long, value_name = "[CATEGORY=]N")]
    votes: Vec<VoteCap>,
    /// Most votes of a voter in all categories
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) votes_in_all: Option<u32>,
    /// Votes in at most N of these categories, for example `1=north,south`; may be repeated
    #[arg(long = "limit", value_name = "N=CATEGORY,CATEGORY,...")]
    pub(crate) limits: Vec<Limit>,
}

/// The most votes in a category, or in each category that is not named.
#[derive(Debug, Clone, PartialEq, Eq)]
struct VoteCap {
    category: Option<String>,
    max: u32,
}

/// The most categories of a list in which a voter may vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) categories: Vec<String>,
    pub(crate) max: u32,
}

impl Caps {
    /// Returns the most votes in a category, by its name in the files.
    ///
    /// `None` means that the contest's own rule applies.
    pub(crate) fn votes_in(&self, category: &str) -> Option<u32> {
        let of = |name: Option<&str>| self.votes.iter().find(|votes| votes.category.as_deref() == name);
        of(Some(category)).or_else(|| of(None)).map(|votes| votes.max)
    }

    /// Returns the categories that have their own cap.
    pub(crate) fn named(&self) -> impl Iterator<Item = &str> {
        self.votes.iter().filter_map(|votes| votes.category.as_deref())
    }
}

impl FromStr for VoteCap {
    type Err = Error;

    /// Parses `[CATEGORY=]N`. The number follows the last `=`, because a category's name may
    /// contain `=`.
    fn from_str(text: &str) -> Result<Self> {
        let (category, max) = match text.rsplit_once('=') {
            Some((category, max)) => (Some(category.to_owned()), max),
            None => (None, text),
        };
        Ok(Self { category, max: number(max)? })
    }
}

impl FromStr for Limit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (max, categories) =
            text.split_once('=').context("expected a number and categories, for example 1=north,south")?;
        let categories = categories.split(',').map(str::to_owned).collect();
        Ok(Self { categories, max: number(max)? })
    }
}

fn number(text: &str) -> Result<u32> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => bail!("`{text}` is not a number of at least 1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cap_applies_to_category_or_to_all_others() {
        let votes = ["a=b=3", "2"].map(|text| text.parse().unwrap());
        let caps = Caps { votes: votes.into(), votes_in_all: None, limits: Vec::new() };
        assert_eq!((caps.votes_in("a=b"), caps.votes_in("c")), (Some(3), Some(2)));
        assert_eq!(caps.named().collect::<Vec<_>>(), ["a=b"]);
        let limit: Limit = "1=north,south".parse().unwrap();
        assert_eq!((limit.max, limit.categories), (1, vec!["north".to_owned(), "south".to_owned()]));
        for wrong in ["", "0", "a=", "a=x", "-1"] {
            assert!(wrong.parse::<VoteCap>().is_err(), "{wrong}");
        }
        for wrong in ["", "1", "x=a", "0=a,b"] {
            assert!(wrong.parse::<Limit>().is_err(), "{wrong}");
        }
    }
}
