//! `compare-benches` compares the last run of `cargo bench -p acclaim-benches` with
//! `baselines.json`.
//!
//! Each time is divided by the time of a reference benchmark in the same run. The comparison is
//! loose, because machines differ and their load varies. `compare-benches --update` replaces the
//! baselines.

use std::{collections::BTreeMap, env, fs, path::Path, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// The factor above which a benchmark fails the comparison.
const MAX_SLOWDOWN: f64 = 4.0;
/// The benchmark whose time is the unit.
const REFERENCE: &str = "reference: parse a map of 1,000 texts";

fn main() -> ExitCode {
    match run(env::args().any(|argument| argument == "--update")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(update: bool) -> Result<()> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let baselines = project.join("baselines.json");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| project.join("../target"), Into::into);
    let measured = measured(&target.join("criterion"))?;
    if update {
        return Ok(fs::write(baselines, format!("{}\n", serde_json::to_string_pretty(&measured)?))?);
    }
    let before: BTreeMap<String, f64> = serde_json::from_slice(&fs::read(baselines)?)?;
    let unmeasured: Vec<_> = before.keys().filter(|name| !measured.contains_key(*name)).collect();
    if !unmeasured.is_empty() {
        bail!("no measurement for {unmeasured:?}: run `cargo bench -p acclaim-benches`");
    }
    let mut slower = Vec::new();
    for (name, now) in &measured {
        let before = before
            .get(name)
            .with_context(|| format!("no baseline for `{name}`: run `compare-benches --update`"))?;
        println!("{:>5.2} times the baseline: {name}", now / before);
        if now / before > MAX_SLOWDOWN {
            slower.push(name);
        }
    }
    if slower.is_empty() {
        Ok(())
    } else {
        bail!("more than {MAX_SLOWDOWN} times slower than the baseline: {slower:?}")
    }
}

/// Returns the median of each benchmark, as a multiple of the reference.
fn measured(folder: &Path) -> Result<BTreeMap<String, f64>> {
    let mut medians = BTreeMap::new();
    collect(folder, &mut medians)?;
    let reference = *medians.get(REFERENCE).with_context(|| format!("`{REFERENCE}` was not measured"))?;
    Ok(medians.into_iter().map(|(name, median)| (name, median / reference)).collect())
}

/// Collects the medians, in nanoseconds, from every folder that criterion has named `new`.
fn collect(folder: &Path, medians: &mut BTreeMap<String, f64>) -> Result<()> {
    let listed =
        fs::read_dir(folder).with_context(|| format!("{}: run the benchmarks first", folder.display()))?;
    for entry in listed {
        let path = entry?.path();
        if path.ends_with("new") {
            let read =
                |name: &str| -> Result<Value> { Ok(serde_json::from_slice(&fs::read(path.join(name))?)?) };
            let name = read("benchmark.json")?.get("full_id").and_then(Value::as_str).map(str::to_owned);
            let median = read("estimates.json")?.pointer("/median/point_estimate").and_then(Value::as_f64);
            let both = name.zip(median).with_context(|| format!("{}: no median in it", path.display()))?;
            medians.extend([both]);
        } else if path.is_dir() {
            collect(&path, medians)?;
        }
    }
    Ok(())
}
