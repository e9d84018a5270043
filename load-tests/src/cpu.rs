//! What processes have used, as the kernel tells it in `/proc`.

use std::{collections::BTreeMap, fs, time::Duration};

/// Microseconds of a clock tick: Linux tells times in hundredths of a second, on every architecture (`USER_HZ`).
const TICK: u64 = 10_000;

/// Processes by what they are; each stands for its children too, unless they are named themselves.
pub type Processes = BTreeMap<&'static str, Vec<u32>>;

/// Processor time, of user and system, by what the processes are.
#[must_use]
pub fn used(processes: &Processes) -> BTreeMap<&'static str, Duration> {
    let all = all();
    let is_named = |process: u32| processes.values().any(|named| named.contains(&process));
    let of = |wanted: &[u32]| {
        let mine = all.iter().filter(|stat| {
            wanted.contains(&stat.process) || (wanted.contains(&stat.parent) && !is_named(stat.process))
        });
        Duration::from_micros(mine.map(|stat| stat.ticks * TICK).sum())
    };
    processes.iter().map(|(name, wanted)| (*name, of(wanted))).collect()
}

struct Stat {
    process: u32,
    parent: u32,
    /// Own, and of children that have ended.
    ticks: u64,
}

fn all() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| stat(entry.ok()?.file_name().to_str()?.parse().ok()?)).collect()
}

/// Fields as in proc(5): behind the name in brackets, the parent is the second, the four times the 12th to 15th.
fn stat(process: u32) -> Option<Stat> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let parent = fields.get(1)?.parse().ok()?;
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Stat { process, parent, ticks })
}

/// Bytes of memory that a process has at present, and the most it ever had.
#[must_use]
pub fn memory(process: u32) -> Option<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? << 10)
    };
    Some((bytes("VmRSS:")?, bytes("VmHWM:")?))
}
