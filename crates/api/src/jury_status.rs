//! The progress of the jury: the complete and the missing scores, by panel and juror.
//!
//! It also has the shortlist that is scored. It never has scores or votes.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use acclaim_contest::{
    CategoryId, EntryId, Instant, PanelId, Phase,
    juror::{Jurors, is_same_name},
    rules::{Panel, PanelKind, WinnersFrom},
};
use acclaim_service::{
    directory::Contest,
    jury::{JuryReader, StandingRecusal, StandingScores, own_name},
};
use acclaim_store::{
    Hub, Stores, jurors,
    keys::{Role, StaffKey},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{Access, SCORE_READERS},
    description::shapes,
    extract::Path,
    problem::{self, Problem},
    state::Api,
};

/// Most missing entries that one answer names. Of the others it has only the number.
const MAX_NAMED: usize = 10_000;
/// Seconds after which to ask again while the result is being made.
const RESULT_RETRY_DELAY: u64 = 1;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(read))
}

/// The progress of the jury.
#[derive(Serialize, ToSchema)]
struct JuryStatus {
    contest: String,
    /// With a juror's key: the juror.
    #[serde(skip_serializing_if = "Option::is_none")]
    juror: Option<String>,
    #[schema(value_type = shapes::Phase)]
    phase: &'static str,
    /// By panel, in the order of the rules. With a juror's key: only the juror's panel.
    panels: Vec<PanelStatus>,
    /// The entries to score, by category in the order of the definition.
    shortlist: Vec<Shortlisted>,
    /// Whether the shortlist does not change any more. Where winners come from champions, it is
    /// final from the closing on. Before, it has all entries.
    shortlist_is_final: bool,
}

/// The progress of a panel.
#[derive(Serialize, ToSchema)]
struct PanelStatus {
    panel: String,
    #[schema(value_type = shapes::PanelKind)]
    kind: PanelKind,
    /// Its criteria, if it has several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    criteria: Vec<String>,
    /// Whether the definition names the jurors. Then `jurors` has exactly these. Else it has the
    /// jurors with a key or with scores.
    jurors_are_named: bool,
    /// With a juror's key: only that juror.
    jurors: Vec<JurorStatus>,
}

/// The progress of a juror.
#[derive(Serialize, ToSchema)]
struct JurorStatus {
    /// In the registered spelling.
    juror: String,
    /// Whether the juror has a valid key.
    has_key: bool,
    /// Whether no score is missing.
    complete: bool,
    missing: Vec<MissingScores>,
    /// Entries that the juror does not judge.
    recused: Vec<Recused>,
}

/// Entries of a category that a juror has not scored. With `points` and `rank` all of them, if the
/// juror has entered no list there.
#[derive(Serialize, ToSchema)]
#[schema(as = MissingScores)]
struct MissingScores {
    category: String,
    /// The criterion, if the panel has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    criterion: Option<String>,
    /// Number of entries.
    count: usize,
    /// Their ids. Fewer than `count` once the whole answer names 10,000.
    #[schema(value_type = Vec<String>)]
    entries: Vec<EntryId>,
}

/// An entry that a juror does not judge.
#[derive(Serialize, ToSchema)]
struct Recused {
    category: String,
    entry: String,
}

/// The entries to score in a category.
#[derive(Serialize, ToSchema)]
struct Shortlisted {
    #[schema(value_type = String)]
    category: CategoryId,
    /// In the order of the definition, which reveals nothing of their votes.
    #[schema(value_type = Vec<String>)]
    entries: Vec<EntryId>,
}

/// Read the progress of the jury.
///
/// It has the complete and the missing scores, and the entries to score. Jurors read only their
/// own.
#[utoipa::path(get, operation_id = "read_jury", path = "/v1/contests/{contest}/jury", tag = "staff", security(("key" = [])), responses((status = 200, body = JuryStatus, description = "the progress")))]
async fn read(
    State(access): State<Arc<Access>>,
    State(stores): State<Stores>,
    State(jury): State<Arc<JuryReader>>,
    Path(contest): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, key) = access.contest_and_key(&headers, &contest, SCORE_READERS).await?;
    let own = (key.role == Role::Juror).then_some(&key);
    let (shortlist, shortlist_is_final) = shortlist(&stores.hub, &contest)?;
    let standing = jury.scores(&contest, own).await?;
    let mut keys = match own {
        Some(own) => vec![own.clone()],
        None => stores.database.staff_keys().await?,
    };
    let now = Instant::at_or_before(stores.clock.now());
    keys.retain(|key| key.is_valid(now));
    let jurors = match own {
        Some(own) => own_juror(&contest, own),
        None => jury.jurors(&contest).await?,
    };
    let panels = contest.record.definition.rules.panels.iter();
    let panels = panels.filter(|panel| own.is_none_or(|own| own.panel.as_ref() == Some(&panel.id)));
    let recused = jury.recusals(&contest, own).await?;
    let entered = JuryEntries::new(&standing, &recused);
    let mut names_left = MAX_NAMED;
    let panels = panels
        .map(|panel| {
            let has_key = |juror: &str| has_key(&keys, &contest, &panel.id, juror);
            panel_status(panel, jurors.of(&panel.id), &shortlist, &entered, has_key, &mut names_left)
        })
        .collect();
    let phase = contest.phase().public_name();
    let juror = own.map(|key| own_name(&contest, key).to_owned());
    let body =
        JuryStatus { contest: contest.id().to_string(), juror, phase, panels, shortlist, shortlist_is_final };
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(body)).into_response())
}

/// Returns the juror of a key.
///
/// The result is empty if the panel names its jurors and this one is not among them.
fn own_juror(contest: &Contest, key: &StaffKey) -> Jurors {
    let mut own = Jurors::default();
    let name = own_name(contest, key);
    let panels = contest.record.definition.rules.panels.iter();
    for panel in panels.filter(|panel| key.panel.as_ref() == Some(&panel.id)) {
        if panel.jurors.is_empty() || panel.jurors.iter().any(|juror| juror == name) {
            own.add(&panel.id, name);
        }
    }
    own
}

/// Returns the progress of a panel's jurors.
fn panel_status(
    panel: &Panel,
    jurors: &[String],
    shortlist: &[Shortlisted],
    entered: &JuryEntries<'_>,
    has_key: impl Fn(&str) -> bool,
    names_left: &mut usize,
) -> PanelStatus {
    let mut statuses = Vec::with_capacity(jurors.len());
    for juror in jurors {
        let missing = missing(panel, juror, shortlist, entered, names_left);
        statuses.push(JurorStatus {
            juror: juror.clone(),
            has_key: has_key(juror),
            complete: missing.is_empty(),
            missing,
            recused: entered.recused(panel, juror, shortlist),
        });
    }
    PanelStatus {
        panel: panel.id.to_string(),
        kind: panel.kind,
        criteria: panel.criteria.iter().map(|(name, _)| name.clone()).collect(),
        jurors_are_named: !panel.jurors.is_empty(),
        jurors: statuses,
    }
}

fn has_key(keys: &[StaffKey], contest: &Contest, panel: &PanelId, juror: &str) -> bool {
    keys.iter().any(|key| jurors::is_juror_key(key, contest.id(), panel) && is_same_name(&key.name, juror))
}

/// Returns the entries to score, and whether they stay the same.
///
/// These are the entries that are not withdrawn. Once voting is closed and winners come from
/// champions, only the champions among them.
fn shortlist(hub: &Hub, contest: &Contest) -> Result<(Vec<Shortlisted>, bool), Problem> {
    let rules = &contest.record.definition.rules;
    let from_champions = rules.winners.from == WinnersFrom::Champions;
    let is_closed = contest.phase() >= Phase::Closed;
    let champions = if from_champions && is_closed { Some(champions(hub, contest)?) } else { None };
    let definition = &contest.record.definition;
    let mut by_category: BTreeMap<&CategoryId, Vec<EntryId>> = BTreeMap::new();
    for entry in &definition.entries {
        let stands = !contest.record.state.withdrawn.contains(&entry.id);
        if stands && champions.as_ref().is_none_or(|champions| champions.contains(&entry.id)) {
            by_category.entry(&entry.category).or_default().push(entry.id.clone());
        }
    }
    let shortlisted = |category: &acclaim_contest::Category| Shortlisted {
        category: category.id.clone(),
        entries: by_category.remove(&category.id).unwrap_or_default(),
    };
    let shortlist = definition.categories.iter().map(shortlisted).collect();
    Ok((shortlist, is_closed || !from_champions))
}

/// The part of a result document that names the champions.
#[derive(Deserialize)]
struct Document {
    categories: Vec<CategoryResult>,
}

#[derive(Deserialize)]
struct CategoryResult {
    #[serde(default)]
    champions: Vec<Champion>,
}

#[derive(Deserialize)]
struct Champion {
    entry: EntryId,
}

/// Returns the champions of the newest result document, certified or not.
fn champions(hub: &Hub, contest: &Contest) -> Result<HashSet<EntryId>, Problem> {
    let publication: Option<Arc<_>> = hub.latest(contest.id());
    let document = publication.and_then(|publication| publication.result.clone()).ok_or_else(|| {
        Problem::new(&problem::UNAVAILABLE, "voting has ended and the champions are being counted: ask again")
            .retry_after(RESULT_RETRY_DELAY)
    })?;
    let document: Document = serde_json::from_slice(&document).map_err(|error| {
        Problem::new(&problem::INTERNAL, format!("the result document cannot be read: {error}"))
    })?;
    let champions = document.categories.into_iter().flat_map(|category| category.champions);
    Ok(champions.map(|champion| champion.entry).collect())
}

/// The entries in each juror's lists, and the entries that jurors do not judge.
struct JuryEntries<'a> {
    /// Entries by panel, juror, category and criterion.
    lists: BTreeMap<(&'a str, &'a str, &'a str, Option<&'a str>), BTreeSet<&'a str>>,
    /// Panel, juror and entry.
    recused: BTreeSet<(&'a str, &'a str, &'a str)>,
}

impl<'a> JuryEntries<'a> {
    fn new(standing: &'a [StandingScores], recusals: &'a [StandingRecusal]) -> Self {
        let list = |standing: &'a StandingScores| {
            let key =
                (&*standing.panel, &*standing.juror, &*standing.category, standing.criterion.as_deref());
            (key, standing.values.iter().map(|(entry, _)| entry.as_str()).collect())
        };
        let recusal = |recusal: &'a StandingRecusal| (&*recusal.panel, &*recusal.juror, &*recusal.entry);
        Self { lists: standing.iter().map(list).collect(), recused: recusals.iter().map(recusal).collect() }
    }

    fn is_recused(&self, panel: &Panel, juror: &str, entry: &EntryId) -> bool {
        self.recused.contains(&(panel.id.as_str(), juror, entry.as_str()))
    }

    /// Returns the entries to score that a juror does not judge.
    fn recused(&self, panel: &Panel, juror: &str, shortlist: &[Shortlisted]) -> Vec<Recused> {
        let of_category = |Shortlisted { category, entries }: &Shortlisted| {
            let recused = entries.iter().filter(|entry| self.is_recused(panel, juror, entry));
            let recused =
                recused.map(|entry| Recused { category: category.to_string(), entry: entry.to_string() });
            recused.collect::<Vec<_>>()
        };
        shortlist.iter().flat_map(of_category).collect()
    }
}

/// Returns the scores that a juror still must enter.
///
/// With `score` it is a score for each entry by each criterion. With `points` and `rank` it is a
/// list in each category. Entries that are not in the list get nothing. Entries are named as long
/// as `names_left` allows.
fn missing(
    panel: &Panel,
    juror: &str,
    shortlist: &[Shortlisted],
    entered: &JuryEntries<'_>,
    names_left: &mut usize,
) -> Vec<MissingScores> {
    let criteria: Vec<Option<&str>> = match panel.criteria.is_empty() {
        true => vec![None],
        false => panel.criteria.iter().map(|(name, _)| Some(name.as_str())).collect(),
    };
    let mut missing_scores = Vec::new();
    for Shortlisted { category, entries } in shortlist {
        for criterion in &criteria {
            let list = entered.lists.get(&(panel.id.as_str(), juror, category.as_str(), *criterion));
            let is_unscored = |entry: &&EntryId| match (list, panel.kind) {
                (None, _) => true,
                (Some(list), PanelKind::Score) => !list.contains(entry.as_str()),
                (Some(_), PanelKind::Points | PanelKind::Rank) => false,
            };
            let judged = entries.iter().filter(|entry| !entered.is_recused(panel, juror, entry));
            let unscored: Vec<&EntryId> = judged.filter(is_unscored).collect();
            if unscored.is_empty() {
                continue;
            }
            let named: Vec<EntryId> =
                unscored.iter().take(*names_left).map(|entry| (*entry).clone()).collect();
            *names_left -= named.len();
            let (category, criterion) = (category.to_string(), criterion.map(str::to_owned));
            missing_scores.push(MissingScores { category, criterion, count: unscored.len(), entries: named });
        }
    }
    missing_scores
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(json: &str) -> Panel {
        serde_json::from_str(json).unwrap()
    }

    fn shortlist() -> Vec<Shortlisted> {
        let list = |category: &str, entries: &[&str]| Shortlisted {
            category: category.parse().unwrap(),
            entries: entries.iter().map(|entry| entry.parse().unwrap()).collect(),
        };
        vec![list("a", &["a1", "a2"]), list("b", &["b1"]), list("c", &[])]
    }

    fn standing(
        panel: &str,
        juror: &str,
        category: &str,
        criterion: Option<&str>,
        entries: &[&str],
    ) -> StandingScores {
        let values: Vec<(String, String)> =
            entries.iter().map(|entry| ((*entry).to_owned(), "7".to_owned())).collect();
        let [panel, juror, category] = [panel, juror, category].map(str::to_owned);
        let (criterion, by) = (criterion.map(str::to_owned), juror.clone());
        StandingScores { panel, juror, category, criterion, values, by, index: 0, times: 1 }
    }

    fn missing_lines(panel: &Panel, standing: &[StandingScores], names_left: &mut usize) -> Vec<String> {
        missing_lines_with_recusals(panel, standing, &[], names_left)
    }

    fn missing_lines_with_recusals(
        panel: &Panel,
        standing: &[StandingScores],
        recusals: &[StandingRecusal],
        names_left: &mut usize,
    ) -> Vec<String> {
        let missing_scores =
            missing(panel, "Ama", &shortlist(), &JuryEntries::new(standing, recusals), names_left);
        let line = |missing: &MissingScores| {
            let entries: Vec<&str> = missing.entries.iter().map(EntryId::as_str).collect();
            format!(
                "{} {:?} {} {}",
                missing.category,
                missing.criterion.as_deref(),
                missing.count,
                entries.join(",")
            )
        };
        missing_scores.iter().map(line).collect()
    }

    #[test]
    fn a_score_is_missing_for_each_entry_and_criterion() {
        let experts = panel(
            r#"{"id":"experts","kind":"score","scale":[0,10],"criteria":[["impact",2],["reach",1]],"trim":0,"minimum_jurors":1,"weight":1}"#,
        );
        let entered = [
            standing("experts", "Ama", "a", Some("impact"), &["a1", "a2"]),
            standing("experts", "Ama", "a", Some("reach"), &["a2"]),
            standing("experts", "Kofi", "b", Some("reach"), &["b1"]),
            standing("students", "Ama", "b", Some("impact"), &["b1"]),
        ];
        let expected = [r#"a Some("reach") 1 a1"#, r#"b Some("impact") 1 b1"#, r#"b Some("reach") 1 b1"#];
        assert_eq!(missing_lines(&experts, &entered, &mut 100), expected);
        let mut names_left = 1;
        let expected = [r#"a Some("reach") 1 a1"#, r#"b Some("impact") 1 "#, r#"b Some("reach") 1 "#];
        assert_eq!(
            (missing_lines(&experts, &entered, &mut names_left), names_left),
            (expected.map(str::to_owned).to_vec(), 0)
        );
    }

    #[test]
    fn an_entry_that_a_juror_does_not_judge_is_not_missing() {
        let panel =
            panel(r#"{"id":"experts","kind":"score","scale":[0,10],"trim":0,"minimum_jurors":1,"weight":1}"#);
        let recusal = |juror: &str, entry: &str| {
            let [panel, juror, entry] = ["experts", juror, entry].map(str::to_owned);
            StandingRecusal {
                panel,
                juror,
                entry,
                reason: "a relative".to_owned(),
                by: "x".to_owned(),
                index: 9,
            }
        };
        let recusals = [recusal("Ama", "b1"), recusal("Kofi", "a1")];
        let entered = [standing("experts", "Ama", "a", None, &["a1", "a2"])];
        assert!(missing_lines_with_recusals(&panel, &entered, &recusals, &mut 100).is_empty());
        let recused = JuryEntries::new(&entered, &recusals).recused(&panel, "Ama", &shortlist());
        let recused: Vec<_> = recused.iter().map(|one| (&*one.category, &*one.entry)).collect();
        assert_eq!(recused, [("b", "b1")]);
    }

    #[test]
    fn points_and_ranks_are_complete_with_a_list() {
        for kind in ["points", "rank"] {
            let points = if kind == "rank" { r#","points":[12,10]"# } else { "" };
            let panel = panel(&format!(
                r#"{{"id":"p","kind":"{kind}"{points},"trim":0,"minimum_jurors":1,"weight":1}}"#
            ));
            let entered = [standing("p", "Ama", "a", None, &["a2"])];
            assert_eq!(missing_lines(&panel, &entered, &mut 100), ["b None 1 b1"], "{kind}");
        }
    }
}
