//! A temporary folder that is gone afterwards.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use uuid::Uuid;

use super::guardian::Guardian;

/// Servers that are just being killed may still write: try for a while.
const REMOVE: &str = r#"for _ in 1 2 3 4 5; do rm -rf -- "$SUBJECT" && break; sleep 1; done"#;

/// A folder of its own, removed with everything in it when this is dropped or the process ends.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    _guardian: Guardian,
}

impl Scratch {
    /// Creates an empty folder under the system's folder for temporary files.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be created.
    pub fn create() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("bridge-{}", Uuid::new_v4().simple()));
        let guardian = Guardian::start(REMOVE, &path.to_string_lossy())?;
        fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        Ok(Self {
            path,
            _guardian: guardian,
        })
    }

    /// Where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.path).ok();
    }
}
