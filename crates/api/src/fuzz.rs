//! Entry points for the fuzz targets: a ballot from a body to a log entry, and proxy headers.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use acclaim_contest::{Definition, VoterTag, ballot::BallotValidator, pass::Pass};
use acclaim_service::{casting::entry_of, directory::Contest};
use acclaim_store::{ContestRecord, contests::ContestState};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use jiff::Timestamp;

use crate::{body::parse, casting::BallotRequest, client_address::Proxies};

/// An open contest, with the parts that reading ballots needs.
pub struct OpenContest(Contest);

impl OpenContest {
    /// Makes an open contest with this definition.
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

    /// Returns the log entry of the ballot in a body.
    ///
    /// # Errors
    /// The JSON of the problem document that answers the body.
    pub fn entry(&self, body: &[u8], voter: VoterTag, arrived: Timestamp) -> Result<Vec<u8>, String> {
        let to_json = |problem: crate::problem::Problem| serde_json::to_string(&problem).unwrap_or_default();
        let request: BallotRequest<'_> = parse(body).map_err(to_json)?;
        let pass = Pass { voter, channel: None, group: None, expires: Timestamp::MAX, admission: None };
        let entry =
            entry_of(&self.0, pass, request.votes(), arrived).map_err(|error| to_json(error.into()))?;
        Ok(entry.to_vec())
    }
}

/// Returns the client of a request from a trusted proxy with these fields of a header.
///
/// A value that is not valid in a header is left out.
#[must_use]
pub fn client_address(trusted: IpNet, peer: IpAddr, header: &'static str, fields: &[&[u8]]) -> IpAddr {
    let values = fields.iter().filter_map(|field| HeaderValue::from_bytes(field).ok());
    let headers: HeaderMap = values.map(|value| (HeaderName::from_static(header), value)).collect();
    Proxies::new(vec![trusted], None).client(peer, &headers)
}
