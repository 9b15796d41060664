//! The sample bundle as a part of the program, and the directory it is written to.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Paths relative to the bundle with their content.
macro_rules! sample {
    ($($path:literal),+ $(,)?) => {
        &[$((
            $path,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/quickstart/", $path)),
        )),+]
    };
}

/// Every file of `policies/quickstart`; a test compares.
const SAMPLE: &[(&str, &str)] = sample![
    "bundle.yaml",
    "catalog.yaml",
    "entities/agents.json",
    "entities/documents.json",
    "entities/people.json",
    "policies/agents.cedar",
    "policies/approvals.cedar",
    "policies/links.yaml",
    "policies/money.cedar",
    "policies/reads.cedar",
    "policies/segments.cedar",
    "policies/writes.cedar",
    "schema/people.cedarschema",
    "tests/agents.yaml",
    "tests/approvals.yaml",
    "tests/money.yaml",
    "tests/reads.yaml",
    "tests/wall.json",
    "tests/writes.yaml",
];

/// A private directory with the sample bundle; removed when dropped.
#[derive(Debug)]
pub(super) struct SampleDirectory {
    path: PathBuf,
}

impl SampleDirectory {
    /// Writes the sample into a new directory within `parent`.
    pub(super) fn create(parent: &Path) -> io::Result<Self> {
        let path = parent.join(format!("palisade-quickstart-{}", std::process::id()));
        // Fails if somebody else has it already, so nothing of theirs is ever used.
        DirBuilder::new().mode(0o700).create(&path)?;
        let directory = Self { path };
        for (file, text) in SAMPLE {
            let path = directory.bundle().join(file);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(path, text)?;
        }
        Ok(directory)
    }

    /// The directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The bundle in it.
    pub(super) fn bundle(&self) -> PathBuf {
        self.path.join("bundle")
    }
}

impl Drop for SampleDirectory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the sample is left behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(directory: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(directory).expect("the directory is read") {
            let entry = entry.expect("the entry is read");
            let name = format!("{prefix}{}", entry.file_name().to_str().expect("UTF-8"));
            if entry.file_type().expect("has a type").is_dir() {
                files(&entry.path(), &format!("{name}/"), found);
            } else {
                found.push(name);
            }
        }
    }

    #[test]
    fn every_file_of_the_sample_bundle_is_embedded() {
        let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/quickstart");
        let mut found = Vec::new();
        files(&bundle, "", &mut found);
        found.sort();
        let embedded: Vec<&str> = SAMPLE.iter().map(|(path, _)| *path).collect();
        assert_eq!(embedded, found);
    }

    #[test]
    fn the_directory_is_private_and_goes_away() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().expect("temporary directory");
        let sample = SampleDirectory::create(parent.path()).expect("written");
        let mode = fs::metadata(sample.path()).expect("exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(sample.bundle().join("bundle.yaml").exists());
        let path = sample.path().to_owned();
        drop(sample);
        assert!(!path.exists());
    }
}
