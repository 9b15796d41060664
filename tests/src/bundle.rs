//! Where bundles come from: the fixtures, the shipped ones, and those a test writes itself.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

/// A bundle of `tests/fixtures/bundles`.
#[must_use]
pub fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/bundles").join(name)
}

/// A bundle in a directory of its own, gone with this value.
#[derive(Debug)]
pub struct WrittenBundle {
    directory: TempDir,
}

impl WrittenBundle {
    /// Writes these files: path within the bundle, content.
    ///
    /// # Panics
    /// A file cannot be written.
    #[must_use]
    pub fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let bundle = Self { directory };
        for (path, text) in files {
            bundle.write(path, text);
        }
        bundle
    }

    /// Writes or replaces one file.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a file has a parent")).expect("a directory");
        fs::write(&path, text).expect("a file");
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}
