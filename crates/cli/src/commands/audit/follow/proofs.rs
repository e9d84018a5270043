//! Proofs from the public tiles of a log whose entries are not public.

use std::{collections::BTreeMap, fmt::Display};

use acclaim_ballot_log::{Checkpoint, TileId, proof};
use anyhow::Result;

use super::comparison::Comparison;
use crate::commands::audit::source::Source;

/// Checks by a proof that the newer checkpoint's log begins with the older checkpoint's log.
pub(super) fn prove_consistency(
    source: &Source,
    older: &Checkpoint,
    newer: &Checkpoint,
) -> Result<Comparison> {
    let unproved = |error: &dyn Display| {
        let sizes = format!("the log of {} entries begins with the earlier {}", newer.size, older.size);
        vec![(None, format!("no proof that {sizes}: {error}"))]
    };
    let tiles = tiles(source, newer.size, &proof::tiles_for_consistency(older.size, newer.size))?;
    let path = match proof::consistency(older.size, newer.size, &|id: TileId| tiles.get(&id)) {
        Ok(path) => path,
        // The tiles do not exist, or do not exist yet.
        Err(error) => return Ok(Comparison::Inconclusive(unproved(&error))),
    };
    Ok(match proof::verify_consistency(older.size, older.root, newer.size, newer.root, &path) {
        Ok(()) => Comparison::Consistent,
        Err(error) => Comparison::Discrepancies(unproved(&error)),
    })
}

/// Checks that the tiles lead to the checkpoint's root.
pub(super) fn prove_root(source: &Source, checkpoint: &Checkpoint) -> Result<Comparison> {
    let tiles = tiles(source, checkpoint.size, &proof::tiles_for_root(checkpoint.size))?;
    Ok(match proof::root_at(checkpoint.size, &|id| tiles.get(&id)) {
        Ok(root) if root == checkpoint.root => Comparison::Consistent,
        Ok(root) => {
            let reason = format!("the root of the tiles is {root}, the checkpoint's is {}", checkpoint.root);
            Comparison::Discrepancies(vec![(None, reason)])
        }
        Err(error) => Comparison::Inconclusive(vec![(None, error.to_string())]),
    })
}

fn tiles(source: &Source, size: u64, ids: &[TileId]) -> Result<BTreeMap<TileId, Vec<u8>>> {
    let mut tiles = BTreeMap::new();
    for id in ids {
        if let Some(hashes) = source.tile(id.path(id.width_at(size)))? {
            tiles.insert(*id, hashes);
        }
    }
    Ok(tiles)
}
