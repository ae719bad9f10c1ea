//! Which camera is meant, and what is said when there is none such.

use std::fmt::Write;

use super::cameras::Camera;
use crate::error::{Error, Result};
use crate::options::CameraChoice;

/// The camera of `cameras` that `choice` means.
///
/// # Errors
/// [`Error::Device`] when there is none, or more than one; says what there is.
pub(super) fn choose<'a>(cameras: &'a [Camera], choice: &CameraChoice) -> Result<&'a Camera> {
    let found = match choice {
        CameraChoice::First => cameras.first().ok_or("no camera is here".to_owned()),
        CameraChoice::Number(number) => cameras.get(*number).ok_or_else(|| format!("there is no camera {number}")),
        CameraChoice::Name(name) => by_name(cameras, name),
    };
    found.map_err(|reason| Error::Device(format!("{reason}; {}", inventory(cameras))))
}

/// The one with this name, else the one with this in its name; letters large or small.
fn by_name<'a>(cameras: &'a [Camera], name: &str) -> Result<&'a Camera, String> {
    let wanted = name.to_lowercase();
    let with = |is_meant: fn(&str, &str) -> bool| -> Vec<&Camera> {
        cameras.iter().filter(|camera| is_meant(&camera.name.to_lowercase(), &wanted)).collect()
    };
    for fitting in [with(|name, wanted| name == wanted), with(|name, wanted| name.contains(wanted))] {
        match fitting[..] {
            [] => {}
            [camera] => return Ok(camera),
            [..] => return Err(format!("{} cameras are called {name:?}, choose by number", fitting.len())),
        }
    }
    Err(format!("no camera is called {name:?}"))
}

/// `there are 0 "Integrated Camera", 1 "HD Webcam"`, or what to do where there is none.
pub(super) fn inventory(cameras: &[Camera]) -> String {
    let mut text = String::new();
    for (number, camera) in cameras.iter().enumerate() {
        let lead = match number {
            0 if cameras.len() == 1 => "there is",
            0 => "there are",
            _ => ",",
        };
        let _ = write!(text, "{lead} {number} {:?}", camera.name);
    }
    if text.is_empty() { advice() } else { text }
}

fn advice() -> String {
    match forbidden() {
        Some(device) => format!(
            "{device} may not be read by this user: add it to the device's group (sudo usermod -aG video $USER) and log in \
             again"
        ),
        None => "plug one in, or film the scene that needs none (--camera test)".into(),
    }
}

/// A camera of Linux that this user may not open; such are not listed at all.
fn forbidden() -> Option<String> {
    let devices = std::fs::read_dir("/dev").ok()?.flatten().map(|entry| entry.path());
    let mut cameras = devices.filter(|path| path.to_string_lossy().starts_with("/dev/video"));
    let denied = cameras.find(|path| {
        let opened = std::fs::File::options().read(true).write(true).open(path);
        opened.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
    });
    denied.map(|path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cameras(names: &[&str]) -> Vec<Camera> {
        let camera = |name: &&str| Camera {
            name: (*name).into(),
            identity: (*name).into(),
            element: "v4l2src".into(),
            properties: Vec::new(),
            offers: Vec::new(),
        };
        names.iter().map(camera).collect()
    }

    fn chosen(names: &[&str], choice: &CameraChoice) -> Result<String, String> {
        let cameras = cameras(names);
        let found = choose(&cameras, choice).map(|camera| camera.name.clone());
        found.map_err(|error| {
            assert_eq!((error.exit_code(), error.to_string().lines().count()), (6, 1), "{error}");
            error.to_string()
        })
    }

    const HERE: [&str; 3] = ["Integrated Camera", "HD Webcam C270", "HD Webcam"];

    #[test]
    fn a_camera_is_chosen_by_number() {
        assert_eq!(chosen(&HERE, &CameraChoice::First), Ok(HERE[0].into()));
        assert_eq!(chosen(&HERE, &CameraChoice::Number(2)), Ok(HERE[2].into()));
        assert_eq!(
            chosen(&HERE, &CameraChoice::Number(3)),
            Err("there is no camera 3; there are 0 \"Integrated Camera\", 1 \"HD Webcam C270\", 2 \"HD Webcam\"".into())
        );
    }

    #[test]
    fn a_camera_is_chosen_by_its_name_or_by_what_only_it_has_in_it() {
        let by_name = |name: &str| chosen(&HERE, &CameraChoice::Name(name.into()));
        assert_eq!(by_name("c270"), Ok(HERE[1].into()));
        assert_eq!(by_name("INTEGRATED camera"), Ok(HERE[0].into()));
        assert_eq!(by_name("HD Webcam"), Ok(HERE[2].into()), "the whole name before parts of it");
        assert!(
            by_name("webcam")
                .unwrap_err()
                .starts_with("2 cameras are called \"webcam\", choose by number; there are 0")
        );
        assert!(by_name("phone").unwrap_err().starts_with("no camera is called \"phone\"; there are 0 \"Integrated"));
    }

    #[test]
    fn row_36_without_a_camera_one_line_says_what_to_do() {
        for choice in [CameraChoice::First, CameraChoice::Number(0), CameraChoice::Name("x".into())] {
            let text = chosen(&[], &choice).unwrap_err();
            assert!(text.contains("--camera test") || text.contains("usermod"), "{text}");
        }
        assert_eq!(inventory(&cameras(&["One"])), "there is 0 \"One\"");
    }
}
