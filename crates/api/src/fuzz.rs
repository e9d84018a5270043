//! What comes from outside: a ballot, from the body's bytes to the entry's, and headers of proxies. Open to the fuzz targets alone.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use acclaim_contest::{Definition, VoterTag, ballot::BallotValidator, pass::Pass};
use acclaim_service::{casting::entry_of, directory::Contest};
use acclaim_store::{ContestRecord, contests::ContestState};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use jiff::Timestamp;

use crate::{body::parse, casting::BallotRequest, client_address::Proxies};

/// An open contest, as far as reading ballots needs one.
pub struct OpenContest(Contest);

impl OpenContest {
    /// A booth for this contest.
    #[must_use]
    pub fn new(definition: Definition) -> Self {
        let validator = BallotValidator::new(
            &definition.categories,
            &definition.entries,
            &definition.rules,
            &std::collections::HashSet::new(),
        );
        let state = ContestState { withdrawn: BTreeSet::new(), ..ContestState::of_draft(&definition) };
        let days = definition.days().unwrap_or_default();
        let definition = Arc::new(definition);
        Self(Contest {
            is_excluded: false,
            was_certified: false,
            refused_texts: None,
            record: ContestRecord { definition, revision: 1, state, tag_key: None },
            validator,
            days,
            tag_key: None,
            verifier_key: String::new(),
            origin: String::new(),
        })
    }

    /// The entry that a body leads to, or the problem it is answered with, as text.
    ///
    /// # Errors
    /// What the voter would be told.
    pub fn entry(&self, body: &[u8], voter: VoterTag, arrived: Timestamp) -> Result<Vec<u8>, String> {
        let told = |problem: crate::problem::Problem| serde_json::to_string(&problem).unwrap_or_default();
        let request: BallotRequest<'_> = parse(body).map_err(told)?;
        let pass = Pass { voter, channel: None, group: None, expires: Timestamp::MAX, admission: None };
        let entry = entry_of(&self.0, pass, request.votes(), arrived).map_err(|error| told(error.into()))?;
        Ok(entry.to_vec())
    }
}

/// The client of a request from a trusted proxy that has these fields of a header; a value that is none is left out.
#[must_use]
pub fn client_address(trusted: IpNet, peer: IpAddr, header: &'static str, fields: &[&[u8]]) -> IpAddr {
    let values = fields.iter().filter_map(|field| HeaderValue::from_bytes(field).ok());
    let headers: HeaderMap = values.map(|value| (HeaderName::from_static(header), value)).collect();
    Proxies::new(vec![trusted], None).client(peer, &headers)
}
