//! `acclaim witness`

use std::{net::SocketAddr, path::PathBuf, str::FromStr};

use acclaim_ballot_log::{VerifierKey, key::is_origin};
use anyhow::{Result, bail};
use clap::Args;

/// The longest origin of a log that is watched, in bytes.
const MAX_ORIGIN_LENGTH: usize = 255;

/// `acclaim witness`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  acclaim witness --name witness.example.org/acclaim --state witness --log 'vote.example.org/wsis-2021+9049215d+AYqI...'\n  \
                  acclaim witness --name witness.example.org/acclaim --state witness --log 'sum.golang.org+033de0ae+Ac4z... go.sum database tree'\n\n\
                  Prints the witness's verifier key, which the log's operator configures and auditors demand with --witness. \
                  The key is made at the first start. Key and state belong together: a witness whose state is lost gets a new name and key."
)]
pub struct WitnessArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// File that holds what was cosigned last; made at the first start
    #[arg(long, value_name = "FILE")]
    pub state: PathBuf,
    /// The witness's name, an address without https://, such as witness.example.org/acclaim
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub name: String,
    /// Verifier key of a log to watch, from elsewhere than the log; behind a space the log's origin, if it is not the key's name; may be repeated
    #[arg(long, value_name = "KEY[ ORIGIN]", required = true)]
    pub log: Vec<WatchedLog>,
    /// File with the witness's key, 64 hexadecimal digits [default: the state file's name and .key]
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Begin a state for a key that was made before and has never cosigned
    #[arg(long)]
    pub new_state: bool,
}

/// A log to watch.
#[derive(Debug, Clone)]
pub struct WatchedLog {
    /// The first line of its checkpoints.
    pub origin: String,
    /// By which its checkpoints are signed.
    pub key: VerifierKey,
}

impl FromStr for WatchedLog {
    type Err = anyhow::Error;

    /// A verifier key holds no white space; an origin may.
    fn from_str(text: &str) -> Result<Self> {
        let (key, origin) = match text.split_once(' ') {
            Some((key, origin)) => (key, Some(origin)),
            None => (text, None),
        };
        let key: VerifierKey = key.parse()?;
        let origin = origin.unwrap_or(key.name());
        if origin.is_empty() || origin.len() > MAX_ORIGIN_LENGTH || origin.contains(char::is_control) {
            bail!(
                "behind the key stands no origin, the first line of the log's checkpoints: 1 to {MAX_ORIGIN_LENGTH} bytes without control characters"
            );
        }
        Ok(Self { origin: origin.to_owned(), key })
    }
}

fn name(text: &str) -> Result<String> {
    if text.contains("://") {
        bail!("without `https://`: a name, not an address to open");
    }
    if !is_origin(text) {
        bail!("1 to 255 bytes, no white space, no control character and no `+`");
    }
    Ok(text.to_owned())
}
