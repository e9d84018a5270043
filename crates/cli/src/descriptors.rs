//! The limit of open files: how many connections fit beside the files that the process itself keeps
//! open.

use std::num::NonZeroUsize;

use acclaim_api::server;
use anyhow::{Context as _, Result, bail};

/// The number of file descriptors kept for the stores, the published checkpoints, the log and the
/// listener.
const RESERVE: usize = 128;
/// The smallest number of connections with which the server starts.
const MIN_CONNECTIONS: usize = 16;

/// Raises the process's limit of open files as far as needed and allowed, and returns the number of
/// connections to serve.
///
/// This is the configured number. Without one, it is the default, lowered to the number that fits.
/// `stores` is the largest number of connections of the stores.
///
/// # Errors
/// If the limit cannot be read or raised, if the configured number does not fit, or if fewer than
/// [`MIN_CONNECTIONS`] fit.
pub(crate) fn connections(configured: Option<NonZeroUsize>, stores: usize) -> Result<usize> {
    let wanted = configured.map_or(server::Settings::default().connections, NonZeroUsize::get);
    let reserve = RESERVE + stores;
    let needed = u64::try_from(wanted + reserve).unwrap_or(u64::MAX);
    let (soft, _) = rlimit::Resource::NOFILE.get().context("cannot read the limit of open files")?;
    let limit = match soft >= needed {
        true => soft,
        false => rlimit::increase_nofile_limit(needed).context("cannot raise the limit of open files")?,
    };
    fitting(wanted, configured.is_some(), reserve, usize::try_from(limit).unwrap_or(usize::MAX))
}

fn fitting(wanted: usize, is_configured: bool, reserve: usize, limit: usize) -> Result<usize> {
    let fit = limit.saturating_sub(reserve);
    if wanted <= fit {
        return Ok(wanted);
    }
    let needed = wanted + reserve;
    let advice = format!(
        "raise the limit to {needed} (`LimitNOFILE={needed}` in a systemd unit, `ulimit -n {needed}` in a shell)"
    );
    if fit < MIN_CONNECTIONS {
        bail!("the process may open {limit} files, and keeps {reserve} of them for itself: {advice}");
    }
    if is_configured {
        bail!(
            "`server.connections` is {wanted}, and only {fit} fit: the process may open {limit} files, and keeps \
             {reserve} of them for itself. Lower it, or {advice}"
        );
    }
    tracing::warn!(
        connections = fit,
        limit,
        reserve,
        "connections: fewer than the default, because of the limit of open files: {advice}"
    );
    Ok(fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_to_the_stores() {
        assert_eq!(fitting(1_000, true, 144, 1_144).unwrap(), 1_000);
        assert_eq!(fitting(16_384, false, 144, 1_024).unwrap(), 880);
        for (is_configured, limit, named) in [
            (true, 1_024, "`server.connections` is 1000, and only 880 fit"),
            (false, 150, "may open 150 files"),
        ] {
            let refused = fitting(1_000, is_configured, 144, limit).unwrap_err().to_string();
            assert!(refused.contains(named) && refused.contains("LimitNOFILE=1144"), "{refused}");
        }
    }
}
