//! The command line of `acclaim witness`.

use std::{net::SocketAddr, path::PathBuf, str::FromStr};

use acclaim_ballot_log::{VerifierKey, key::is_origin};
use anyhow::{Result, bail};
use clap::Args;

/// The length of the longest origin of a watched log, in bytes.
const MAX_ORIGIN_LENGTH: usize = 255;

/// `acclaim witness`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  acclaim witness --name witness.example.org/acclaim --state witness --log 'vote.example.org/wsis-2021+9049215d+AYqI...'\n  \
                  acclaim witness --name witness.example.org/acclaim --state witness --log 'sum.golang.org+033de0ae+Ac4z... go.sum database tree'\n\n\
                  The command prints the witness's verifier key. The log's operator configures this key, and auditors give it with --witness. \
                  The first start makes the key. Key and state belong together: if the state is lost, start a witness with a new name and a new key."
)]
pub struct WitnessArgs {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// File with the newest cosigned checkpoint of each log; the first start makes it
    #[arg(long, value_name = "FILE")]
    pub state: PathBuf,
    /// The witness's name, an address without https://, for example witness.example.org/acclaim
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub name: String,
    /// Verifier key of a log to watch, from a source other than the log; if the log's origin is not
    /// the key's name, add a space and the origin; may be repeated
    #[arg(long, value_name = "KEY[ ORIGIN]", required = true)]
    pub log: Vec<WatchedLog>,
    /// File with the witness's key, 64 hexadecimal digits [default: the name of the state file with
    /// .key added]
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Make a new state for an existing key that has never cosigned
    #[arg(long)]
    pub new_state: bool,
}

/// A log to watch.
#[derive(Debug, Clone)]
pub struct WatchedLog {
    /// The first line of its checkpoints.
    pub origin: String,
    /// The key that signs its checkpoints.
    pub key: VerifierKey,
}

impl FromStr for WatchedLog {
    type Err = anyhow::Error;

    /// Splits the text at the first space: a verifier key has no white space, but an origin may
    /// have some.
    fn from_str(text: &str) -> Result<Self> {
        let (key, origin) = match text.split_once(' ') {
            Some((key, origin)) => (key, Some(origin)),
            None => (text, None),
        };
        let key: VerifierKey = key.parse()?;
        let origin = origin.unwrap_or(key.name());
        if origin.is_empty() || origin.len() > MAX_ORIGIN_LENGTH || origin.contains(char::is_control) {
            bail!(
                "the text after the key must be the log's origin, which is the first line of its checkpoints: 1 to {MAX_ORIGIN_LENGTH} bytes without control characters"
            );
        }
        Ok(Self { origin: origin.to_owned(), key })
    }
}

fn name(text: &str) -> Result<String> {
    if text.contains("://") {
        bail!("write the name without `https://`");
    }
    if !is_origin(text) {
        bail!("a name has 1 to 255 bytes, and no white space, control character or `+`");
    }
    Ok(text.to_owned())
}
