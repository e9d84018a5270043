//! The sheet of each ballot, where voters have several sheets.
//!
//! So a voter with a thousand ballots is looked up as fast as a voter with one. A ballot takes 16
//! bytes here, and 5 to 12 bytes in each of two tables. Contests without channels and periods do
//! not use this.

use crate::{
    chunked::{ChunkedList, HashIndex, spread},
    numbers::{BallotNumber, NONE, VoterNumber},
    sheet_layout::SheetNumber,
};

/// The sheets of all ballots: see the [module](self). Lists are indexed by the ballot's number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sheets {
    places: ChunkedList<Place>,
    /// The newest ballot of each sheet that has one.
    newest: HashIndex,
    /// All ballots, by the hash of their ids.
    by_id: HashIndex,
}

/// The voter and the sheet of a ballot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) voter: VoterNumber,
    pub(crate) sheet: SheetNumber,
    previous: BallotNumber,
    /// Number of the voter's ballots, up to this one, that replace another ballot.
    pub(crate) replacements: u32,
}

/// A ballot to be added.
pub(crate) struct NewPlace {
    pub(crate) voter: VoterNumber,
    pub(crate) sheet: SheetNumber,
    pub(crate) replacements: u32,
    pub(crate) id_tail: [u8; 12],
}

impl Sheets {
    pub(crate) fn place(&self, ballot: BallotNumber) -> Option<&Place> {
        self.places.get(ballot)
    }

    /// The ballot before this one on the same sheet.
    pub(crate) fn previous(&self, ballot: BallotNumber) -> Option<BallotNumber> {
        self.place(ballot).map(|place| place.previous).filter(|previous| *previous != NONE)
    }

    /// The newest ballot of a sheet.
    pub(crate) fn newest(&self, voter: VoterNumber, sheet: SheetNumber) -> Option<BallotNumber> {
        let hash = hash(voter, sheet);
        self.newest.part(hash).find(hash, |ballot| self.is_on(*ballot, voter, sheet)).copied()
    }

    /// The ballots that may have this id.
    pub(crate) fn with_id(&self, id_tail: [u8; 12]) -> impl Iterator<Item = BallotNumber> {
        let hash = id_hash(id_tail);
        self.by_id.part(hash).iter_hash(hash).copied()
    }

    /// Adds the next ballot. `id_tail` returns the id tail of a ballot that was added before.
    pub(crate) fn push(&mut self, place: &NewPlace, id_tail: impl Fn(BallotNumber) -> [u8; 12]) {
        let NewPlace { voter, sheet, replacements, id_tail: own } = *place;
        let number = BallotNumber::try_from(self.places.end()).unwrap_or(NONE);
        let own = id_hash(own);
        self.by_id.part_mut(own).insert_unique(own, number, |ballot| id_hash(id_tail(*ballot)));
        let previous = self.newest(voter, sheet).unwrap_or(NONE);
        self.places.push(Place { voter, sheet, previous, replacements });
        let Self { places, newest, .. } = self;
        let of =
            |ballot: &BallotNumber| places.get(*ballot).map_or((0, 0), |place| (place.voter, place.sheet));
        let own = hash(voter, sheet);
        let newest = newest.part_mut(own);
        match newest.find_mut(own, |ballot| of(ballot) == (voter, sheet)) {
            Some(newest) => *newest = number,
            None => {
                newest.insert_unique(own, number, |ballot| {
                    let (voter, sheet) = of(ballot);
                    hash(voter, sheet)
                });
            }
        }
    }

    fn is_on(&self, ballot: BallotNumber, voter: VoterNumber, sheet: SheetNumber) -> bool {
        self.place(ballot).is_some_and(|place| (place.voter, place.sheet) == (voter, sheet))
    }
}

fn hash(voter: VoterNumber, sheet: SheetNumber) -> u64 {
    spread(u64::from(voter) << 32 | u64::from(sheet))
}

/// An id is a hash already.
fn id_hash([a, b, c, d, e, f, g, h, ..]: [u8; 12]) -> u64 {
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
