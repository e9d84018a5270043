//! The fold applies an admitted entry to the state of the tally.
//!
//! [`crate::admit`] decides which entry may come next.

use acclaim_ballot_log::{Event, LogEntry, entry::RulingDetails};
use acclaim_contest::{
    Amendment, CategoryId, Phase,
    amendment::{DefinitionAmendment, EntryAmendment, TitleAmendment},
    rules::Completion,
};

use crate::{
    admit::{AdmittedEntry, BallotPlan},
    ballot_counts::CountChange,
    count::{Completeness, Counter, completeness},
    draw::DrawSeed,
    numbers::{BallotNumber, CategoryNumber, EntryNumber, VoterNumber},
    recusals::RecusalKey,
    refusal::Refusal,
    roster::{CategoryLimit, Choice, Roster},
    rulings::Withdrawal,
    sheet_layout::{SheetLayout, SheetNumber},
    tally::Tally,
};

impl Tally {
    /// Checks whether `entry` may be the next one of the log.
    ///
    /// This makes every check of the sequencer and the auditor, except for the hash in a
    /// `certified` entry. That check needs the root of the log, so [`crate::Replay`] makes it.
    ///
    /// # Errors
    /// [`Refusal`] says why the entry is refused.
    pub fn admit(&self, entry: &LogEntry<'_>) -> Result<(), Refusal> {
        crate::admit::admit(self, entry, None).map(|_| ())
    }

    /// Admits `entry` and applies it.
    ///
    /// # Errors
    /// [`Refusal`], as from [`Tally::admit`]. A refused entry changes nothing.
    pub fn fold(&mut self, entry: &LogEntry<'_>) -> Result<(), Refusal> {
        let admitted = crate::admit::admit(self, entry, None)?;
        self.apply(entry, admitted);
        Ok(())
    }

    /// Applies an entry that was admitted in exactly this state.
    pub(crate) fn apply(&mut self, entry: &LogEntry<'_>, admitted: AdmittedEntry) {
        match (entry, admitted) {
            (LogEntry::Ballot(_), AdmittedEntry::Ballot(plan)) => self.apply_ballot(&plan),
            (LogEntry::Event(event, _), AdmittedEntry::Ballots(ballots)) => self.apply_void(event, &ballots),
            (LogEntry::Event(event, _), AdmittedEntry::Entries(entries)) => {
                self.apply_to_entries(event, &entries);
            }
            // The tally of a partition ranks no entry, so it keeps no scores.
            (LogEntry::Event(..), AdmittedEntry::Scores(list)) if self.scope.is_whole() => {
                self.scores.put(list);
            }
            (LogEntry::Event(event, _), AdmittedEntry::Recusal(key)) => self.apply_recusal(event, key),
            (LogEntry::Event(event, _), AdmittedEntry::Contest(division)) => {
                self.apply_header(event, *division);
            }
            (LogEntry::Event(event, _), _) => self.apply_event(event),
            // `admit` returns only a plan for a ballot.
            (LogEntry::Ballot(_), _) => {}
        }
        self.size += 1;
    }

    fn apply_event(&mut self, event: &Event) {
        match event {
            Event::Category(category) => {
                if let Some(header) = &self.header {
                    self.roster.add_category(category, &header.rules);
                }
            }
            Event::Entry(entry) => {
                if let Some(category) = self.roster.category_number(entry.category.as_str()) {
                    self.roster.add_entry(entry, category);
                }
            }
            Event::Opened { at } => {
                self.opened = Some(*at);
                self.phase = Phase::Open;
                self.set_window();
                self.set_limits();
            }
            Event::Issued { source, passes, .. } => {
                self.issued.insert(source.clone(), *passes);
            }
            Event::Amended { what, key, to, .. } => self.apply_amendment(what, key, to),
            Event::Closed { at } => {
                self.closed = Some(*at);
                self.phase = Phase::Closed;
            }
            Event::Frozen { .. } => self.phase = Phase::Frozen,
            Event::Unfrozen(_) => self.phase = Phase::Closed,
            Event::Suspended(_) => self.phase = Phase::Suspended,
            Event::Resumed(_) => self.phase = Phase::Open,
            Event::Certified { result, .. } => {
                if self.scope.is_whole() && self.version() > 1 {
                    self.save_certified_result(result);
                }
                self.phase = Phase::Certified;
            }
            Event::Reopened(_) => {
                self.phase = Phase::Closed;
                // Rulings after this entry are made with the seed known. So the seed is dropped,
                // and the contest needs another one.
                self.drawn = None;
            }
            Event::Drawn { source, seed, by, at } => {
                self.drawn = Some(DrawSeed::new(self.size, source, seed, by, *at));
            }
            // `apply` handles these events with the result of admission.
            Event::Contest(_)
            | Event::Withdrawn { .. }
            | Event::Voided { .. }
            | Event::Reinstated { .. }
            | Event::Scores { .. }
            | Event::Recused(_)
            | Event::Rejoined(_)
            | Event::Choice { .. } => {}
            // A statement changes no figure.
            Event::Statement { .. } => {}
        }
    }

    fn apply_header(&mut self, event: &Event, division: SheetLayout) {
        let Event::Contest(header) = event else { return };
        self.closes = Some(header.closes);
        self.header = Some(header.clone());
        self.roster = Roster::new(division.channels());
        if division.has_several_sheets() {
            self.ballots.enable_sheets();
        }
        self.division = division;
    }

    /// Records a recusal, or removes it.
    ///
    /// The tally of a partition ranks no entry, so it keeps no recusals: see `admit::recusal`.
    fn apply_recusal(&mut self, event: &Event, key: RecusalKey) {
        if !self.scope.is_whole() {
            return;
        }
        let recused = matches!(event, Event::Recused(_));
        if recused {
            self.scores.drop_entry(&key);
        }
        self.recusals.set(key, recused);
    }

    /// Sets the limits by category numbers. All categories are known by now.
    fn set_limits(&mut self) {
        let limits = self.header.as_ref().map_or(&[][..], |header| &header.rules.limits);
        let numbered = limits.iter().map(|limit| {
            let number = |category: &CategoryId| self.roster.category_number(category.as_str());
            let mut categories: Vec<CategoryNumber> = limit.categories.iter().filter_map(number).collect();
            categories.sort_unstable();
            CategoryLimit { categories, most: limit.most }
        });
        self.limits = numbered.collect();
    }

    /// Sets the times of casting that a ballot can have.
    ///
    /// `closes` is the first instant after voting.
    fn set_window(&mut self) {
        let (Some(header), Some(opened), Some(closes)) = (&self.header, self.opened, self.closes) else {
            return;
        };
        self.division.set_window(header.rules.ballot.cast_time, opened, closes);
    }

    fn apply_amendment(&mut self, what: &str, key: &str, to: &Amendment) {
        match DefinitionAmendment::read(what, key, to) {
            Ok(DefinitionAmendment::Closes(closes)) => {
                self.closes = Some(closes);
                self.set_window();
            }
            Ok(DefinitionAmendment::Entry(id, EntryAmendment::Title(TitleAmendment::Title(title)))) => {
                if let Some(number) = self.roster.entry_number(id) {
                    title.clone_into(&mut self.roster.entry_mut(number).title);
                }
            }
            Ok(DefinitionAmendment::Category(id, TitleAmendment::Title(title))) => {
                if let Some(number) = self.roster.category_number(id) {
                    title.clone_into(&mut self.roster.category_mut(number).title);
                }
            }
            // Other texts are for voters, and no result shows them. Admission refuses an amendment
            // that cannot be read.
            Ok(DefinitionAmendment::Entry(..) | DefinitionAmendment::Category(..)) | Err(_) => {}
        }
    }

    fn apply_ballot(&mut self, plan: &BallotPlan) {
        self.clear_cached_figures();
        let touched = plan.record.replaces;
        let sheet = plan.record.sheet;
        let before = plan.record.voter.map(|voter| self.remove_from_counts((voter, sheet), touched));
        // Admission refuses an entry whose index does not fit.
        let index = u32::try_from(self.size).unwrap_or(u32::MAX);
        let (voter, ballot) = self.ballots.push(&plan.record, index);
        self.add_to_counts((voter, sheet), touched, before, Some(ballot));
    }

    fn apply_void(&mut self, event: &Event, ballots: &[(VoterNumber, BallotNumber)]) {
        self.clear_cached_figures();
        let voided = matches!(event, Event::Voided { .. });
        for (voter, ballot) in ballots {
            let sheet = (*voter, self.ballots.sheet_of(*ballot));
            let before = self.remove_from_counts(sheet, Some(*ballot));
            self.ballots.set_voided(*ballot, voided);
            self.add_to_counts(sheet, Some(*ballot), Some(before), None);
        }
        if let Event::Voided { reason, .. } = event {
            let numbers: Vec<BallotNumber> = ballots.iter().map(|(_, ballot)| *ballot).collect();
            self.voids.insert(&numbers, &reason.reason);
        } else {
            ballots.iter().for_each(|(_, ballot)| self.voids.remove(*ballot));
        }
    }

    fn apply_to_entries(&mut self, event: &Event, entries: &[EntryNumber]) {
        let index = self.size;
        match event {
            Event::Withdrawn { reason, .. } => self.set_withdrawn(entries, Some(reason)),
            Event::Reinstated { .. } => self.set_withdrawn(entries, None),
            Event::Choice { category, by, note, at, .. } => {
                if let Some(number) = self.roster.category_number(category.as_str()) {
                    let (winners, by, note) = (entries.to_vec(), by.clone(), note.clone());
                    self.roster.category_mut(number).choice =
                        Some(Choice { index, winners, by, note, at: *at });
                }
            }
            // No other event names entries.
            _ => {}
        }
    }

    fn set_withdrawn(&mut self, entries: &[EntryNumber], reason: Option<&RulingDetails>) {
        for entry in entries {
            let withdrawal = reason.map(|reason| Box::new(Withdrawal::new(self.size, reason)));
            self.roster.entry_mut(*entry).withdrawn = withdrawal;
        }
    }

    /// Removes the ballots of a sheet from the figures before one of them, `touched`, changes.
    ///
    /// With `completion` = `any` a ballot does not affect the others, so only `touched` is removed.
    /// With `completion` = `all` all ballots of the sheet are removed. Returns the completeness
    /// before the change.
    fn remove_from_counts(
        &mut self,
        sheet: (VoterNumber, SheetNumber),
        touched: Option<BallotNumber>,
    ) -> Completeness {
        let complete = completeness(self.completion(), &self.ballots, &self.roster, sheet);
        self.step(sheet, touched, complete, CountChange::Remove);
        complete
    }

    /// Adds the same ballots to the figures again, and the new one.
    fn add_to_counts(
        &mut self,
        sheet: (VoterNumber, SheetNumber),
        touched: Option<BallotNumber>,
        before: Option<Completeness>,
        new: Option<BallotNumber>,
    ) {
        let completion = self.completion();
        let complete = completeness(completion, &self.ballots, &self.roster, sheet);
        self.step(sheet, touched, complete, CountChange::Add);
        match completion {
            Completion::Any => self.step(sheet, new, complete, CountChange::Add),
            Completion::All => {
                let was_complete = before.is_some_and(|before| before.with_rulings);
                self.update_complete_voters(sheet.0, was_complete, complete.with_rulings);
            }
        }
    }

    /// Updates the number of a voter's complete sheets after one of them has changed.
    fn update_complete_voters(&mut self, voter: VoterNumber, was_complete: bool, is_complete: bool) {
        while self.complete_sheets.end() <= voter as usize {
            self.complete_sheets.push(0);
        }
        let Some(sheets) = self.complete_sheets.get_mut(voter) else { return };
        let before = *sheets;
        *sheets = *sheets + u32::from(is_complete) - u32::from(was_complete);
        self.complete_voters += u64::from(*sheets > 0);
        self.complete_voters -= u64::from(before > 0);
    }

    fn step(
        &mut self,
        (voter, sheet): (VoterNumber, SheetNumber),
        touched: Option<BallotNumber>,
        complete: Completeness,
        step: CountChange,
    ) {
        let completion = self.completion();
        let Self { ballots, division, roster, totals, .. } = self;
        let mut counter = Counter { ballots, division, roster, totals };
        match completion {
            Completion::Any => touched.into_iter().for_each(|ballot| counter.step(ballot, complete, step)),
            Completion::All => {
                ballots.on_sheet(voter, sheet).for_each(|ballot| counter.step(ballot, complete, step));
            }
        }
    }
}
