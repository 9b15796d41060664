//! Which files a bundle may hold.

/// A file or directory that is no part of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnknownEntry {
    /// The entry, relative to the bundle.
    pub entry: String,
    /// What to do about it.
    pub hint: String,
}

pub(crate) const MANIFEST_FILE: &str = "bundle.yaml";
pub(crate) const CATALOG_FILE: &str = "catalog.yaml";
pub(crate) const LINKS_FILE: &str = "policies/links.yaml";
pub(crate) const EXCEPTIONS_FILE: &str = "exceptions.yaml";
const INVARIANTS_FOLDER: &str = "invariants";
const LIMITS_FILE: &str = "limits.yaml";
const REFERENCE_FOLDER: &str = "reference";

/// Files at the top of a bundle. `README.md` is for people; it counts in the digest like the rest.
const TOP_FILES: [&str; 5] =
    [MANIFEST_FILE, CATALOG_FILE, LIMITS_FILE, EXCEPTIONS_FILE, "README.md"];

/// Folders with the extensions of their files. Folders have no folders in them.
const FOLDERS: [(&str, &[&str]); 6] = [
    ("policies", &["cedar"]),
    ("schema", &["cedarschema"]),
    ("entities", &["json"]),
    ("tests", &["yaml", "json"]),
    (REFERENCE_FOLDER, &["yaml"]),
    (INVARIANTS_FOLDER, &["cedar"]),
];

/// Whether an entry of this name is left over by an editor or the file system and not meant to be
/// part of the bundle.
pub(crate) fn is_skipped(name: &str) -> bool {
    let swap_file = std::path::Path::new(name).extension().is_some_and(|e| e == "swp");
    name.starts_with('.') || name.ends_with('~') || swap_file
}

/// Whether a directory of this name may stand at the top of a bundle.
///
/// # Errors
/// It may not; says what to do.
pub(crate) fn check_folder(name: &str) -> Result<(), UnknownEntry> {
    if FOLDERS.iter().any(|(folder, _)| *folder == name) {
        return Ok(());
    }
    let folders: Vec<String> = FOLDERS.iter().map(|(folder, _)| format!("{folder}/")).collect();
    let hint = format!("its folders are {}", folders.join(", "));
    Err(UnknownEntry { entry: format!("{name}/"), hint })
}

/// Whether a file of this path, relative to the bundle, may be part of it.
///
/// # Errors
/// It may not; says what to do.
pub(crate) fn check_file(path: &str) -> Result<(), UnknownEntry> {
    let unknown = |hint| Err(UnknownEntry { entry: path.to_owned(), hint });
    let Some((folder, name)) = path.split_once('/') else {
        if TOP_FILES.contains(&path) {
            return Ok(());
        }
        return unknown(format!("files at its top are {}", TOP_FILES.join(", ")));
    };
    let extensions = FOLDERS.iter().find(|(known, _)| *known == folder).map_or(
        // The folder itself was accepted before its files are looked at.
        [].as_slice(),
        |(_, extensions)| extensions,
    );
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    if path == LINKS_FILE || extension.is_some_and(|extension| extensions.contains(&extension)) {
        return Ok(());
    }
    unknown(format!("files of `{folder}/` end in .{}", extensions.join(" or .")))
}

/// The capability a file belongs to, if this version does not have it yet.
pub(crate) fn unsupported_capability(path: &str) -> Option<&'static str> {
    match path.split_once('/').map_or(path, |(folder, _)| folder) {
        INVARIANTS_FOLDER => Some("invariants"),
        LIMITS_FILE => Some("limits and budgets"),
        _ => None,
    }
}
