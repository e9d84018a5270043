//! The options that name the installation which a command works on, and the staff key.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use clap::Args;

/// The installation that a command works on.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Installation")]
pub struct Target {
    /// Address of a running server; ACCLAIM_KEY or --key-file gives the staff key
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub url: Option<String>,
    /// File with the staff key
    #[arg(long, value_name = "FILE", requires = "url")]
    pub key_file: Option<PathBuf>,
    /// Data directory, if no server is running on it [default: $ACCLAIM_DATA or ./acclaim-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// The size of the largest file that can hold a key, in bytes.
const MAX_KEY_FILE_LENGTH: u64 = 4096;

impl Target {
    /// Returns the data directory of [`data_directory`].
    #[must_use]
    pub fn data_directory(&self) -> PathBuf {
        data_directory(self.data.as_ref())
    }

    /// Returns the staff key, or `None` if neither the file nor `ACCLAIM_KEY` is given.
    ///
    /// # Errors
    /// If the file cannot be read or does not hold a key. The error never contains the file's
    /// content.
    pub fn key(&self) -> Result<Option<String>> {
        staff_key(self.key_file.as_deref())
    }
}

/// Returns the staff key in the file. Without a file, returns the key in `ACCLAIM_KEY`, if it is
/// set.
///
/// # Errors
/// If the file cannot be read or does not hold a key. The error never contains the file's content.
pub fn staff_key(file: Option<&Path>) -> Result<Option<String>> {
    let Some(file) = file else {
        return Ok(env::var("ACCLAIM_KEY")
            .ok()
            .map(|key| key.trim().to_owned())
            .filter(|key| !key.is_empty()));
    };
    let unreadable = || format!("cannot read the key file {}", file.display());
    if fs::metadata(file).with_context(unreadable)?.len() > MAX_KEY_FILE_LENGTH {
        bail!("{}: it is too long to hold a key", unreadable());
    }
    let key = fs::read_to_string(file).with_context(unreadable)?.trim().to_owned();
    if key.is_empty() || key.contains(|c: char| !c.is_ascii_graphic()) {
        bail!("{}: it does not hold one key", unreadable());
    }
    Ok(Some(key))
}

/// Returns the directory of `--data`, otherwise of the environment, otherwise `./acclaim-data`.
#[must_use]
pub fn data_directory(option: Option<&PathBuf>) -> PathBuf {
    option.cloned().or_else(data_of_environment).unwrap_or_else(|| PathBuf::from("acclaim-data"))
}

/// Returns `$ACCLAIM_DATA`, or `$ACCLAIM_INSTALLATION_DATA` if the former is not set or empty.
#[must_use]
pub fn data_of_environment() -> Option<PathBuf> {
    let names = ["ACCLAIM_DATA", "ACCLAIM_INSTALLATION_DATA"];
    names.into_iter().find_map(|name| env::var_os(name).filter(|value| !value.is_empty())).map(PathBuf::from)
}
