//! ONNX Runtime: where its library is, and having it in the process.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::logging::LogLevel;

use super::library::check_whole;
use super::trial::Outcomes;
use super::{one_line, provider};
use crate::error::ModelError;
use crate::folders::data_home;
use crate::options::Provider;

/// Name of the folder that `make setup` fills, in the project.
const PROJECT_RUNTIME: &str = ".runtime";

/// ONNX Runtime, loaded. Clones are the same; there is one in a process.
#[derive(Clone, Debug)]
pub struct Runtime {
    environment: ort::environment::Environment,
    path: PathBuf,
    version: String,
    outcomes: Arc<Outcomes>,
}

static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Loads the library, as [`Runtime::load_for`] does for a network that any provider may run.
    ///
    /// # Errors
    /// When there is none, or what is there is cut, too old or something else.
    pub fn load(named: Option<&Path>) -> Result<Self, ModelError> {
        Self::load_for(named, Provider::Cpu)
    }

    /// Loads the library: `named` (a file, or a folder that holds it) when given, else the first of `ORT_DYLIB_PATH`, the
    /// folder of the executable, `../lib/stylize` from there, `$XDG_DATA_HOME/stylize/runtime`, and `.runtime` of the project that the executable was
    /// built in. Each may have folders `gpu`, `openvino` and `webgpu`, whose libraries go first for their providers. One that is
    /// named and cannot be used is an error. Once loaded, later calls return the same.
    ///
    /// # Errors
    /// When there is none, or what is there is cut, too old or something else.
    pub fn load_for(named: Option<&Path>, provider: Provider) -> Result<Self, ModelError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let path = find(named, provider)?;
        match &*loaded {
            Some(runtime) if runtime.path == path => Ok(runtime.clone()),
            Some(runtime) => {
                check(&path)?;
                let reason = format!("{} is loaded already, and one process holds one", runtime.path.display());
                Err(ModelError::RuntimeUnusable { path, reason })
            }
            None => Ok(loaded.insert(load(path)?).clone()),
        }
    }

    /// The file that [`Runtime::load_for`] would load.
    ///
    /// # Errors
    /// When there is none where it is looked for, or not where it was said to be.
    pub fn find_for(named: Option<&Path>, provider: Provider) -> Result<PathBuf, ModelError> {
        find(named, provider)
    }

    /// What came of trying providers with it.
    pub(super) fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version, such as 1.31.1; empty where it does not tell.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn environment(&self) -> &ort::environment::Environment {
        &self.environment
    }
}

fn load(path: PathBuf) -> Result<Runtime, ModelError> {
    check(&path)?;
    let unusable = |reason: String| ModelError::RuntimeUnusable { path: path.clone(), reason };
    let builder = ort::init_from(&path).map_err(|error| unusable(load_problem(&error)))?;
    let environment = builder.with_name("stylize").with_telemetry(false).build();
    let environment = environment.map_err(|error| unusable(one_line(error.message())))?;
    // Its messages go to tracing; the library need not even make those that nobody listens to.
    environment.set_log_level(if tracing::enabled!(tracing::Level::DEBUG) { LogLevel::Info } else { LogLevel::Error });
    let version = version(&path);
    Ok(Runtime { environment, path, version, outcomes: Arc::default() })
}

fn check(path: &Path) -> Result<(), ModelError> {
    check_whole(path).map_err(|reason| ModelError::RuntimeUnusable { path: path.to_owned(), reason })
}

fn load_problem(error: &ort::LoadDynamicError) -> String {
    match error {
        ort::LoadDynamicError::Dlopen { error, .. } => {
            // "dlopen failed" alone says nothing: the reason stands in its source.
            let reason = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
            one_line(&format!("cannot be loaded: {reason}"))
        }
        ort::LoadDynamicError::MissingApi { .. } | ort::LoadDynamicError::InvalidVersionString => {
            "is not ONNX Runtime".into()
        }
        ort::LoadDynamicError::BadVersion { version_str, .. } => {
            one_line(&format!("is version {version_str}, too old"))
        }
    }
}

/// Version of the loaded library. The name of the file says all of it (`.so.1.31.1`, `.1.31.1.dylib`); where it does not,
/// the library itself tells the minor version.
fn version(path: &Path) -> String {
    let named = version_in(path.file_name().unwrap_or_default());
    let resolved = || version_in(fs::canonicalize(path).ok()?.file_name()?);
    let told = || ort::util::probe(path).map(|minor| format!("1.{minor}"));
    named.or_else(resolved).or_else(told).unwrap_or_default()
}

fn version_in(name: &OsStr) -> Option<String> {
    let numbers = numbers_in(name);
    (numbers.len() >= 3).then(|| numbers.iter().map(u64::to_string).collect::<Vec<_>>().join("."))
}

/// Numbers of a file name that stand between dots.
fn numbers_in(name: &OsStr) -> Vec<u64> {
    name.to_string_lossy().split('.').filter_map(|part| part.parse().ok()).collect()
}

fn find(named: Option<&Path>, provider: Provider) -> Result<PathBuf, ModelError> {
    let variable = std::env::var_os("ORT_DYLIB_PATH").filter(|value| !value.is_empty()).map(PathBuf::from);
    let kinds = provider::runtimes(provider);
    if let Some(path) = named.map(Path::to_path_buf).or(variable) {
        // Relative names are the user's, so from the current folder; the loader would begin elsewhere.
        let path = std::path::absolute(&path).unwrap_or(path);
        return match kinds.iter().find_map(|kind| in_place(&of_kind(&path, kind))) {
            Some(library) => Ok(library),
            None if path.is_dir() => Err(ModelError::RuntimeMissing { looked: path.display().to_string() }),
            None => Err(ModelError::RuntimeUnusable { path, reason: "does not exist".into() }),
        };
    }
    let places = places(std::env::current_exe().ok().as_deref(), data_home().as_deref());
    let of_kinds = kinds.iter().flat_map(|kind| places.iter().map(move |place| of_kind(place, kind)));
    of_kinds.into_iter().find_map(|place| in_place(&place)).ok_or_else(|| {
        let looked: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
        ModelError::RuntimeMissing { looked: looked.join(", ") }
    })
}

/// The folder of a kind of runtime at `place`; that of no kind is the place itself.
fn of_kind(place: &Path, kind: &str) -> PathBuf {
    if kind.is_empty() { place.to_path_buf() } else { place.join(kind) }
}

/// Folders in which the library may lie, the first first.
fn places(executable: Option<&Path>, data_home: Option<&Path>) -> Vec<PathBuf> {
    let beside = executable.and_then(Path::parent).map(Path::to_path_buf);
    // Where `make install` puts it: PREFIX/lib/stylize for PREFIX/bin.
    let prefix = executable.and_then(Path::parent).and_then(Path::parent).map(|prefix| prefix.join("lib/stylize"));
    let installed = data_home.map(|home| home.join("stylize/runtime"));
    let project = executable.and_then(project_folder).map(|project| project.join(PROJECT_RUNTIME));
    [beside, prefix, installed, project].into_iter().flatten().collect()
}

/// The project that `executable` was built in: the nearest folder above it with a `Cargo.toml`.
pub(super) fn project_folder(executable: &Path) -> Option<&Path> {
    executable.ancestors().skip(1).find(|folder| folder.join("Cargo.toml").is_file())
}

/// The library at `path`: the file itself, or the newest in the folder.
fn in_place(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path.to_path_buf());
    }
    let entries = fs::read_dir(path).ok()?;
    let libraries = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| is_library_name(&name.to_string_lossy())) && path.is_file());
    libraries.max_by_key(|path| path.file_name().map(numbers_in))
}

fn is_library_name(name: &str) -> bool {
    match name.strip_prefix("libonnxruntime.") {
        Some(rest) => rest == "so" || rest.starts_with("so.") || rest == "dylib" || rest.ends_with(".dylib"),
        None => name.eq_ignore_ascii_case("onnxruntime.dll"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_known_by_their_names() {
        let yes = ["libonnxruntime.so", "libonnxruntime.so.1.31.1", "libonnxruntime.1.31.1.dylib", "onnxruntime.dll"];
        let no = ["libonnxruntime_providers_shared.so", "libonnxruntime.a", "onnxruntime.lib", "libonnxruntime"];
        assert!(yes.into_iter().all(is_library_name));
        assert!(!no.into_iter().any(is_library_name));
    }

    #[test]
    fn the_newest_of_a_folder_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["libonnxruntime.so.1.9.0", "libonnxruntime.so.1.31.1", "libonnxruntime.so", "other.so.9.9.9"] {
            fs::write(folder.path().join(name), b"").unwrap();
        }
        let newest = folder.path().join("libonnxruntime.so.1.31.1");
        assert_eq!(in_place(folder.path()), Some(newest.clone()));
        assert_eq!(find(Some(folder.path()), Provider::Cpu).unwrap(), newest);
        assert_eq!(version(&newest), "1.31.1");
    }

    #[test]
    fn a_provider_has_the_library_of_its_own_folder() {
        let folder = tempfile::tempdir().unwrap();
        for kind in ["", "gpu", "openvino"] {
            fs::create_dir_all(folder.path().join(kind)).unwrap();
            fs::write(folder.path().join(kind).join("libonnxruntime.so.1.31.1"), b"").unwrap();
        }
        let kind_for = |provider| {
            let found = find(Some(folder.path()), provider).unwrap();
            found.strip_prefix(folder.path()).unwrap().parent().unwrap().to_owned()
        };
        assert_eq!(kind_for(Provider::Cuda), Path::new("gpu"));
        assert_eq!(kind_for(Provider::OpenVino), Path::new("openvino"));
        assert_eq!(kind_for(Provider::WebGpu), Path::new(""), "an error will say that it has no WebGPU");
        assert_eq!(kind_for(Provider::Cpu), Path::new(""));
    }

    #[test]
    fn places_stand_in_the_promised_order() {
        let project = tempfile::tempdir().unwrap();
        fs::write(project.path().join("Cargo.toml"), b"").unwrap();
        let executable = project.path().join("target/release/stylize");
        let places = places(Some(&executable), Some(Path::new("/data")));
        let expected = [
            project.path().join("target/release"),
            project.path().join("target/lib/stylize"),
            "/data/stylize/runtime".into(),
            project.path().join(".runtime"),
        ];
        assert_eq!(places, expected);
    }

    #[test]
    fn what_is_named_and_unusable_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(find(Some(folder.path()), Provider::Cpu), Err(ModelError::RuntimeMissing { .. })));
        assert!(matches!(
            find(Some(Path::new("/nowhere/x.so")), Provider::Cpu),
            Err(ModelError::RuntimeUnusable { .. })
        ));
        let text = folder.path().join("libonnxruntime.so");
        fs::write(&text, "text").unwrap();
        let message = load(text).unwrap_err().to_string();
        assert!(message.contains("is not a shared library; run `make setup`, or set ORT_DYLIB_PATH"), "{message}");
    }
}
