//! What everyone may or staff can read of a contest, made from the fold.

use acclaim_contest::ContestId;
use acclaim_store::hub::Publication;
use acclaim_tally::Replay;
use bytes::Bytes;
use jiff::Timestamp;

/// The key whose value the API fills in: what the intake holds is known only when asked. Ids cannot hold quotes, so the first
/// match is the key.
const PENDING: &[u8] = b"\"pending\":";

/// All figures at the log's present size.
pub(crate) fn publication(contest: &ContestId, replay: &Replay, at: Timestamp) -> Publication {
    let tally = Bytes::from(replay.tally_json(0));
    let split = tally
        .windows(PENDING.len())
        .position(|window| window == PENDING)
        .map_or(0, |start| start + PENDING.len());
    Publication {
        contest: contest.clone(),
        size: replay.size(),
        root: replay.root(),
        // One digit: the zero that stands in for the figure.
        tally: (tally.slice(..split), tally.slice((split + 1).min(tally.len())..)),
        tally_csv: Bytes::from(replay.tally().standings_csv()),
        // Making the document takes a while: not before there is one to make.
        result: replay.tally().closed().and_then(|_| replay.result()).map(|result| Bytes::from(result.json)),
        former: replay.former_result().map(|former| Bytes::from(former.json.clone())),
        at,
    }
}
