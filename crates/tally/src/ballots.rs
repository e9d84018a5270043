//! The recorded ballots in compact form: lists in log order, and one table of voters.
//!
//! A ballot takes 32 bytes, and 4 bytes for each of its votes. A voter takes 20 bytes, and 5 to 12
//! bytes in the table. The table is hashed by the first four bytes of the tag. The id of each of
//! the voter's ballots begins with the same bytes. So a ballot is found by its id without an index
//! of its own. Where a voter has several sheets, `sheets` finds a ballot among a thousand of one
//! voter.

use acclaim_contest::{BallotId, VoterTag};

use crate::{
    chunked::{CHUNK_LENGTH, ChunkedList, HashIndex, spread},
    numbers::{BallotNumber, EntryNumber, NONE, VoterNumber},
    sheet_layout::SheetNumber,
    sheets::{NewPlace, Sheets},
};

/// Maximum number of ballots of one voter on one sheet.
///
/// A look-up walks through all of them, so a log must not be able to make this list long. A voter
/// who fills the 18 categories of the largest prize one by one, and then changes each twice, has 54
/// ballots.
pub(crate) const MAX_BALLOTS_PER_SHEET: usize = 4_096;

/// Maximum number of voters whose tags share their first four bytes.
///
/// With a billion voters and honest tags, ten such voters are very unlikely. A log with more than
/// 64 is made to slow its readers down.
pub(crate) const MAX_VOTERS_PER_PREFIX: usize = 64;

const REPLACED: u8 = 1;
const VOIDED: u8 = 2;

/// A recorded ballot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BallotRecord {
    /// The id without its first four bytes, which are the same as the voter's.
    id_tail: [u8; 12],
    /// Index of the ballot in the log.
    pub(crate) index: u32,
    /// Where the ballot's votes begin. They end where the votes of the next ballot begin.
    first_selection: u32,
    previous: BallotNumber,
    replaces: BallotNumber,
    flags: u8,
}

impl BallotRecord {
    /// Whether another ballot has replaced it.
    pub(crate) fn is_replaced(&self) -> bool {
        self.flags & REPLACED != 0
    }

    /// Whether a ruling has voided it.
    pub(crate) fn is_voided(&self) -> bool {
        self.flags & VOIDED != 0
    }

    /// Whether it is neither replaced nor voided.
    pub(crate) fn stands(&self) -> bool {
        self.flags == 0
    }

    /// The voter's ballot before this one.
    pub(crate) fn previous(&self) -> Option<BallotNumber> {
        (self.previous != NONE).then_some(self.previous)
    }

    /// The ballot that this one replaces.
    pub(crate) fn replaces(&self) -> Option<BallotNumber> {
        (self.replaces != NONE).then_some(self.replaces)
    }
}

#[derive(Debug, Clone, Copy)]
struct Voter {
    tag: [u8; 16],
    newest: BallotNumber,
}

/// A new ballot, resolved to numbers.
#[derive(Debug)]
pub(crate) struct NewRecord {
    pub(crate) id: BallotId,
    pub(crate) tag: VoterTag,
    /// The voter; `None` if this is the voter's first ballot.
    pub(crate) voter: Option<VoterNumber>,
    pub(crate) sheet: SheetNumber,
    pub(crate) replaces: Option<BallotNumber>,
    /// The entries in the order of the ballot. Votes in a category are adjacent.
    pub(crate) entries: Vec<EntryNumber>,
}

/// The result of a look-up of a tag.
pub(crate) enum Lookup {
    /// The voter has ballots.
    Known(VoterNumber),
    /// The voter has no ballot yet. `alike` other voters' tags begin with the same four bytes.
    New { alike: usize },
}

/// All recorded ballots.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ballots {
    records: ChunkedList<BallotRecord>,
    selections: ChunkedList<EntryNumber>,
    voters: ChunkedList<Voter>,
    by_prefix: HashIndex,
    /// The sheets, only where a voter can have several.
    sheets: Option<Box<Sheets>>,
}

impl Ballots {
    /// Creates an empty list of ballots. The table has room for `voters`.
    pub(crate) fn with_capacity(voters: usize) -> Self {
        Self { by_prefix: HashIndex::with_capacity(voters), ..Self::default() }
    }

    /// Enables several sheets for each voter. Must be called before the first ballot is recorded.
    pub(crate) fn enable_sheets(&mut self) {
        self.sheets = Some(Box::default());
    }

    /// Whether a voter can have several sheets.
    pub(crate) fn has_several_sheets(&self) -> bool {
        self.sheets.is_some()
    }

    /// The number of recorded ballots.
    pub(crate) fn len(&self) -> u32 {
        // `has_room` keeps the number below `u32::MAX`.
        u32::try_from(self.records.end()).unwrap_or(NONE)
    }

    /// The number of voters with a recorded ballot.
    pub(crate) fn voters(&self) -> u64 {
        self.voters.end() as u64
    }

    /// Whether a ballot with this number of votes fits.
    pub(crate) fn has_room(&self, votes: usize) -> bool {
        let limit = NONE as usize;
        // The votes of a ballot are adjacent, so the rest of a chunk may stay empty.
        votes <= CHUNK_LENGTH
            && self.records.end() < limit - 1
            && self.selections.end() < limit - 2 * CHUNK_LENGTH
    }

    /// Finds the voter of a tag.
    pub(crate) fn voter(&self, tag: &VoterTag) -> Lookup {
        let mut alike = 0;
        let hash = hash(tag.prefix());
        for number in self.by_prefix.part(hash).iter_hash(hash) {
            let voter = self.voter_record(*number);
            if voter.tag == tag.0 {
                return Lookup::Known(*number);
            }
            alike += usize::from(voter.tag.first_chunk() == Some(&tag.prefix()));
        }
        Lookup::New { alike }
    }

    /// Finds the ballot `id` and its voter.
    pub(crate) fn find(&self, id: &BallotId) -> Option<(VoterNumber, BallotNumber)> {
        let prefix = id.prefix();
        let hash = hash(prefix);
        self.by_prefix
            .part(hash)
            .iter_hash(hash)
            .filter(|number| self.voter_record(**number).tag.first_chunk() == Some(&prefix))
            .find_map(|number| Some((*number, self.find_of(*number, id)?)))
    }

    /// Finds the voter's ballot `id`.
    pub(crate) fn find_of(&self, voter: VoterNumber, id: &BallotId) -> Option<BallotNumber> {
        let [_, _, _, _, tail @ ..] = id.0;
        let has_tail = |ballot: &BallotNumber| self.record(*ballot).id_tail == tail;
        match &self.sheets {
            None => self.of(voter).find(has_tail),
            Some(sheets) => {
                let of_voter =
                    |ballot: &BallotNumber| sheets.place(*ballot).is_some_and(|place| place.voter == voter);
                sheets.with_id(tail).filter(has_tail).find(of_voter)
            }
        }
    }

    /// All ballots of the voter, newest first.
    pub(crate) fn of(&self, voter: VoterNumber) -> impl Iterator<Item = BallotNumber> {
        std::iter::successors(Some(self.voter_record(voter).newest), |ballot| self.record(*ballot).previous())
    }

    /// All ballots with their ids, voter by voter.
    pub(crate) fn all(&self) -> impl Iterator<Item = (BallotId, &BallotRecord)> {
        // There are never more voters than ballots, and the numbers of ballots fit.
        (0..u32::try_from(self.voters.end()).unwrap_or(NONE)).flat_map(move |voter| {
            self.of(voter).map(move |ballot| (self.id(voter, ballot), self.record(ballot)))
        })
    }

    /// The voter's ballots on a sheet, newest first.
    pub(crate) fn on_sheet(
        &self,
        voter: VoterNumber,
        sheet: SheetNumber,
    ) -> impl Iterator<Item = BallotNumber> {
        let newest = match &self.sheets {
            None => Some(self.voter_record(voter).newest),
            Some(sheets) => sheets.newest(voter, sheet),
        };
        self.back_from(newest)
    }

    /// A ballot and the ballots before it on the same sheet, newest first.
    pub(crate) fn back_from(&self, ballot: Option<BallotNumber>) -> impl Iterator<Item = BallotNumber> {
        std::iter::successors(ballot, |ballot| self.previous_on_sheet(*ballot))
    }

    /// The ballot before this one on the same sheet.
    pub(crate) fn previous_on_sheet(&self, ballot: BallotNumber) -> Option<BallotNumber> {
        match &self.sheets {
            None => self.record(ballot).previous(),
            Some(sheets) => sheets.previous(ballot),
        }
    }

    /// The sheet that a ballot is on.
    pub(crate) fn sheet_of(&self, ballot: BallotNumber) -> SheetNumber {
        self.sheets.as_ref().and_then(|sheets| sheets.place(ballot)).map_or(0, |place| place.sheet)
    }

    /// The number of the voter's ballots that replace another one.
    pub(crate) fn replacements(&self, voter: VoterNumber) -> u64 {
        match &self.sheets {
            None => self.of(voter).filter(|ballot| self.record(*ballot).replaces().is_some()).count() as u64,
            Some(sheets) => {
                let newest = sheets.place(self.voter_record(voter).newest);
                newest.map_or(0, |place| place.replacements.into())
            }
        }
    }

    #[expect(clippy::expect_used, reason = "numbers are positions in a list that never shrinks")]
    pub(crate) fn record(&self, ballot: BallotNumber) -> &BallotRecord {
        self.records.get(ballot).expect("the ballot number is in the list")
    }

    /// The entries that a ballot votes for. The entries of a category are adjacent.
    pub(crate) fn selections(&self, ballot: BallotNumber) -> &[EntryNumber] {
        let next = self.records.get(ballot + 1).map(|next| next.first_selection);
        self.selections.slice_from(self.record(ballot).first_selection, next)
    }

    /// The id of a ballot of `voter`.
    pub(crate) fn id(&self, voter: VoterNumber, ballot: BallotNumber) -> BallotId {
        let [a, b, c, d, ..] = self.voter_record(voter).tag;
        let [e, f, g, h, i, j, k, l, m, n, o, p] = self.record(ballot).id_tail;
        BallotId([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }

    /// Records an admitted ballot at a log index, and marks the ballot that it replaces.
    pub(crate) fn push(&mut self, new: &NewRecord, index: u32) -> (VoterNumber, BallotNumber) {
        let number = self.len();
        let before = new.voter.filter(|_| self.sheets.is_some()).map_or(0, |voter| self.replacements(voter));
        let (voter, previous) = match new.voter {
            Some(voter) => (voter, std::mem::replace(&mut self.voter_record_mut(voter).newest, number)),
            None => (self.push_voter(new.tag, number), NONE),
        };
        if let Some(replaced) = new.replaces {
            self.record_mut(replaced).flags |= REPLACED;
        }
        let [_, _, _, _, id_tail @ ..] = new.id.0;
        let Self { records, sheets, .. } = self;
        if let Some(sheets) = sheets {
            let replacements =
                u32::try_from(before).unwrap_or(u32::MAX - 1) + u32::from(new.replaces.is_some());
            let place = NewPlace { voter, sheet: new.sheet, replacements, id_tail };
            sheets.push(&place, |ballot| records.get(ballot).map_or([0; 12], |record| record.id_tail));
        }
        records.push(BallotRecord {
            id_tail,
            index,
            first_selection: u32::try_from(self.selections.push_slice(&new.entries)).unwrap_or(NONE),
            previous,
            replaces: new.replaces.unwrap_or(NONE),
            flags: 0,
        });
        (voter, number)
    }

    /// Marks a ballot as voided or as not voided.
    pub(crate) fn set_voided(&mut self, ballot: BallotNumber, voided: bool) {
        let flags = &mut self.record_mut(ballot).flags;
        *flags = if voided { *flags | VOIDED } else { *flags & !VOIDED };
    }

    fn push_voter(&mut self, tag: VoterTag, newest: BallotNumber) -> VoterNumber {
        let number = u32::try_from(self.voters.end()).unwrap_or(NONE);
        self.voters.push(Voter { tag: tag.0, newest });
        let Self { voters, by_prefix, .. } = self;
        let of =
            |number: &VoterNumber| voters.get(*number).map_or(0, |voter| hash(VoterTag(voter.tag).prefix()));
        let hash = hash(tag.prefix());
        by_prefix.part_mut(hash).insert_unique(hash, number, of);
        number
    }

    #[expect(clippy::expect_used, reason = "numbers are positions in a list that never shrinks")]
    fn record_mut(&mut self, ballot: BallotNumber) -> &mut BallotRecord {
        self.records.get_mut(ballot).expect("the ballot number is in the list")
    }

    #[expect(clippy::expect_used, reason = "numbers are positions in a list that never shrinks")]
    fn voter_record(&self, voter: VoterNumber) -> &Voter {
        self.voters.get(voter).expect("the voter number is in the list")
    }

    #[expect(clippy::expect_used, reason = "numbers are positions in a list that never shrinks")]
    fn voter_record_mut(&mut self, voter: VoterNumber) -> &mut Voter {
        self.voters.get_mut(voter).expect("the voter number is in the list")
    }
}

/// Spreads the first bytes of a tag over the eight bytes that the table uses.
///
/// A tag is a hash already.
fn hash(prefix: [u8; 4]) -> u64 {
    spread(u64::from(u32::from_le_bytes(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ballot_record_keeps_its_size() {
        assert_eq!(size_of::<BallotRecord>(), 32);
        assert_eq!(size_of::<Voter>(), 20);
    }

    #[test]
    fn finds_voters_with_same_tag_prefix() {
        let mut ballots = Ballots::default();
        let tag = |last| VoterTag([1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        for last in 0..3 {
            let id = BallotId([1, 2, 3, 4, last, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
            assert!(matches!(ballots.voter(&tag(last)), Lookup::New { alike } if alike == usize::from(last)));
            let new =
                NewRecord { id, tag: tag(last), voter: None, sheet: 0, replaces: None, entries: vec![0] };
            let (voter, ballot) = ballots.push(&new, u32::from(last));
            assert_eq!(ballots.find(&id), Some((voter, ballot)));
            assert_eq!(ballots.id(voter, ballot), id);
        }
        assert!(matches!(ballots.voter(&tag(1)), Lookup::Known(1)));
        assert_eq!(ballots.find(&BallotId([1, 2, 3, 4, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9])), None);
    }
}
