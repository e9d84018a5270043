//! Processor time and memory of processes, from `/proc`.

use std::{collections::BTreeMap, fs, time::Duration};

/// Microseconds of a clock tick. Linux reports times in 1/100 s on every architecture (`USER_HZ`).
const TICK: u64 = 10_000;

/// Process ids by name. A process includes its children, unless they have their own name.
pub type Processes = BTreeMap<&'static str, Vec<u32>>;

/// Returns the processor time, user and system, by name.
#[must_use]
pub fn used(processes: &Processes) -> BTreeMap<&'static str, Duration> {
    let all = all();
    let is_named = |process: u32| processes.values().any(|named| named.contains(&process));
    let time_of = |ids: &[u32]| {
        let stats = all.iter().filter(|stat| {
            ids.contains(&stat.process) || (ids.contains(&stat.parent) && !is_named(stat.process))
        });
        Duration::from_micros(stats.map(|stat| stat.ticks * TICK).sum())
    };
    processes.iter().map(|(name, ids)| (*name, time_of(ids))).collect()
}

struct Stat {
    process: u32,
    parent: u32,
    /// Ticks of the process and of its children that have ended.
    ticks: u64,
}

fn all() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| stat(entry.ok()?.file_name().to_str()?.parse().ok()?)).collect()
}

/// Reads the fields of proc(5).
///
/// After the name in brackets, the parent is the second field, and the four times are the 12th to
/// the 15th.
fn stat(process: u32) -> Option<Stat> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let parent = fields.get(1)?.parse().ok()?;
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Stat { process, parent, ticks })
}

/// Returns the present and the peak memory of a process, in bytes.
#[must_use]
pub fn memory(process: u32) -> Option<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? << 10)
    };
    Some((bytes("VmRSS:")?, bytes("VmHWM:")?))
}
