//! Which installation a command works on, and with which key.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use clap::Args;

/// Which installation a command works on.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Where")]
pub struct Target {
    /// Address of a running server; the key comes from ACCLAIM_KEY or --key-file
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub url: Option<String>,
    /// File with the staff key
    #[arg(long, value_name = "FILE", requires = "url")]
    pub key_file: Option<PathBuf>,
    /// Data directory that no server is running on [default: $ACCLAIM_DATA or ./acclaim-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// The longest file that can hold a key, in bytes.
const MAX_KEY_FILE_LENGTH: u64 = 4096;

impl Target {
    /// The data directory.
    #[must_use]
    pub fn data_directory(&self) -> PathBuf {
        data_directory(self.data.as_ref())
    }

    /// The staff key, if there is one.
    ///
    /// # Errors
    /// If the file cannot be read, or holds none. The error does not repeat what is in it.
    pub fn key(&self) -> Result<Option<String>> {
        staff_key(self.key_file.as_deref())
    }
}

/// The staff key in a file, or else in the environment, if there is one.
///
/// # Errors
/// If the file cannot be read, or holds none. The error does not repeat what is in it.
pub fn staff_key(file: Option<&Path>) -> Result<Option<String>> {
    let Some(file) = file else {
        return Ok(env::var("ACCLAIM_KEY")
            .ok()
            .map(|key| key.trim().to_owned())
            .filter(|key| !key.is_empty()));
    };
    let named = || format!("the key file {}", file.display());
    if fs::metadata(file).with_context(named)?.len() > MAX_KEY_FILE_LENGTH {
        bail!("{} is too long to hold a key", named());
    }
    let key = fs::read_to_string(file).with_context(named)?.trim().to_owned();
    if key.is_empty() || key.contains(|c: char| !c.is_ascii_graphic()) {
        bail!("{} does not hold one key", named());
    }
    Ok(Some(key))
}

/// `--data`, else what the environment names, else `./acclaim-data`.
#[must_use]
pub fn data_directory(option: Option<&PathBuf>) -> PathBuf {
    option.cloned().or_else(data_of_environment).unwrap_or_else(|| PathBuf::from("acclaim-data"))
}

/// `$ACCLAIM_DATA`, which stands for `$ACCLAIM_INSTALLATION_DATA`.
#[must_use]
pub fn data_of_environment() -> Option<PathBuf> {
    let names = ["ACCLAIM_DATA", "ACCLAIM_INSTALLATION_DATA"];
    names.into_iter().find_map(|name| env::var_os(name).filter(|value| !value.is_empty())).map(PathBuf::from)
}
