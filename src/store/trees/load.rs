//! What an opening reads of the trees, to have it in memory from then on: the directory, and what leads into the runs.

use std::sync::Arc;

use super::super::index::INDEXES;
use super::directory::{self, Directory};
use super::engine::{Engine, Tree, TreeError};
use super::keys;
use super::manifest::Manifest;
use super::run::{Guide, Run};
use super::snapshot::Runs;

/// The directory, of as many blocks as the manifest tells.
pub(super) fn directory(engine: &Engine, manifest: &Manifest) -> Result<Arc<Directory>, TreeError> {
    let mut items = engine.with_prefix(Tree::Events, b"")?;
    items.sort_unstable_by_key(|(_, value)| directory::first_number(value));
    let mut flaw = None;
    let groups = items.iter().map_while(|(key, value)| {
        let group = directory::decode_group(key, value);
        group.map_err(|error| flaw = Some(error)).ok()
    });
    // All at once: they are put in order once.
    let mut directory = Directory::default();
    directory.add(groups.flatten());
    if let Some(flaw) = flaw {
        return Err(TreeError::new(flaw));
    }
    let numbers = directory.blocks().map(|block| block.number);
    if !numbers.eq(0..manifest.blocks) {
        return Err(TreeError::new(format_args!(
            "{} blocks expected, numbered from 0, {} found, or others",
            manifest.blocks,
            directory.blocks().count()
        )));
    }
    Ok(Arc::new(directory))
}

/// The runs that the manifest names, without their pages.
pub(super) fn runs(engine: &Engine, manifest: &Manifest) -> Result<Runs, TreeError> {
    let mut runs: Runs = std::array::from_fn(|_| Vec::new());
    let mut bytes = Vec::new();
    for info in &manifest.runs {
        let place = usize::from(info.index);
        let (Some(runs), Some(definition)) = (runs.get_mut(place), INDEXES.get(place)) else {
            return Err(TreeError::new("a run of an unknown index"));
        };
        let prefix = keys::guide_key(info.number, 0);
        let prefix = prefix.get(..9).unwrap_or_default();
        let pieces = engine.with_prefix(Tree::Index(definition.index), prefix)?;
        bytes.clear();
        for (_, piece) in &pieces {
            bytes.extend_from_slice(piece);
        }
        let guide = Guide::decode(&bytes).map_err(TreeError::new)?;
        runs.push(Arc::new(Run::new(*info, guide).map_err(TreeError::new)?));
    }
    Ok(runs)
}
