//! What an output may be, and that it appears whole or not at all.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;

use readlens_fault::{ExitCode, Fault};
use readlens_provenance::{
    DirectoryKind, Manifest, NewDirectory, NewFile, OutputLock, check_directory, check_files,
    commit_together, remove_directory, write_json,
};

const MODEL: DirectoryKind =
    DirectoryKind { name: "model", stages: &["train"], files: &["weights"], is_temporary: false };
const SCRATCH: DirectoryKind = DirectoryKind { name: "scratch", is_temporary: true, ..MODEL };

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn write(target: &Path, text: &str) -> Result<(), Fault> {
    let mut file = NewFile::create(target)?;
    file.write_all(text.as_bytes()).unwrap();
    file.commit()
}

fn train(target: &Path, stage: &str) -> Result<(), Fault> {
    let new = NewDirectory::create(target, MODEL)?;
    fs::write(new.path().join("weights"), stage).unwrap();
    write_json(
        &new.path().join("manifest.json"),
        &Manifest::new(stage, &(), None, Vec::new()).unwrap(),
    )?;
    new.commit()
}

/// The refusal must be one of the command line, which says so before anything is written.
fn assert_refuses(outcome: Result<(), Fault>, words: &str) {
    let fault = outcome.unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::Usage, "{fault}");
    assert!(fault.to_string().contains(words), "{fault} lacks {words:?}");
}

#[test]
fn a_file_is_absent_until_it_is_committed() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("deep/er/out.txt");
    let mut file = NewFile::create(&target).unwrap();
    file.write_all(b"whole").unwrap();
    assert!(!target.exists());
    file.commit().unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), "whole");
    drop(NewFile::create(&target).unwrap());
    assert_eq!(names(target.parent().unwrap()), ["out.txt"]);
}

#[test]
fn a_link_is_followed_and_keeps_the_permissions_of_its_target() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("store")).unwrap();
    fs::write(path("store/real"), "old").unwrap();
    // Of the bits those that say who may read; a new file runs as nobody.
    fs::set_permissions(path("store/real"), PermissionsExt::from_mode(0o4600)).unwrap();
    symlink("store/real", path("link")).unwrap();
    symlink("link", path("link2")).unwrap();
    write(&path("link2"), "new").unwrap();
    assert!(path("link2").is_symlink() && path("link").is_symlink());
    assert_eq!(fs::read_to_string(path("store/real")).unwrap(), "new");
    assert_eq!(fs::metadata(path("store/real")).unwrap().permissions().mode() & 0o7777, 0o600);

    fs::create_dir(path("store/model")).unwrap();
    symlink("store/model", path("model")).unwrap();
    train(&path("model"), "train").unwrap();
    assert!(path("model").is_symlink());
    assert_eq!(names(&path("store/model")), ["manifest.json", "weights"]);
}

#[test]
fn what_cannot_be_an_output_is_refused_before_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    symlink("nowhere", path("dangling")).unwrap();
    symlink("circle", path("circle")).unwrap();
    fs::write(path("file"), "").unwrap();
    let file = |name: &str| check_files([path(name)], [""; 0]);
    let directory = |name: &str| check_directory(&path(name), &MODEL, [""; 0]);
    for name in ["dangling", "dangling/"] {
        assert_refuses(directory(name), "nowhere, which is not there");
    }
    assert_refuses(file("dangling"), "nowhere, which is not there");
    assert_refuses(file("circle"), "circle");
    assert_refuses(directory("circle"), "circle");
    assert_refuses(file(&"x".repeat(300)), "too long");
    assert_refuses(directory(&"x".repeat(300)), "too long");
    assert_refuses(file("file/out"), "ot a directory");
    assert_refuses(file("file/deep/out"), "ot a directory");
    assert_refuses(file("new/"), "names a directory");
    assert_refuses(file(".."), "no name");
    assert_refuses(check_files([folder.path()], [""; 0]), "is a directory");
    assert_refuses(directory("file"), "no directory");
    assert_refuses(check_directory(Path::new("-"), &MODEL, [""; 0]), "standard output");
    assert_refuses(check_files(["-", "-"], [""; 0]), "another output");
    // A name may be as long as the system allows, although a partial repeats it.
    write(&path(&"é".repeat(127)), "long").unwrap();
    check_files([path("new/deep/out")], [""; 0]).unwrap();
    assert_eq!(names(folder.path()).len(), 4);
}

#[test]
fn devices_fifos_and_sockets_are_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write(Path::new("/dev/null"), "gone").unwrap();
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    // Any number of outputs may go there.
    check_files(["/dev/null", "/dev/null"], ["/dev/null"]).unwrap();

    let made = std::process::Command::new("mkfifo").arg(path("fifo")).status().unwrap();
    assert!(made.success());
    symlink("fifo", path("link")).unwrap();
    let fifo = path("fifo");
    let reading = thread::spawn(move || fs::read_to_string(fifo).unwrap());
    write(&path("link"), "through a fifo").unwrap();
    assert_eq!(reading.join().unwrap(), "through a fifo");
    assert!(fs::symlink_metadata(path("fifo")).unwrap().file_type().is_fifo());

    let listener = UnixListener::bind(path("socket")).unwrap();
    let reading = thread::spawn(move || {
        let mut text = String::new();
        listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
        text
    });
    write(&path("socket"), "through a socket").unwrap();
    assert_eq!(reading.join().unwrap(), "through a socket");

    // What `/dev/stdout` leads to: an open file of the process.
    fs::write(path("open"), "before, ").unwrap();
    let open = File::options().append(true).open(path("open")).unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&open);
    write(Path::new(&format!("/dev/fd/{number}")), "through a descriptor").unwrap();
    assert_eq!(fs::read_to_string(path("open")).unwrap(), "before, through a descriptor");
}

#[test]
fn an_output_is_no_input_and_no_other_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("model")).unwrap();
    fs::write(path("model/weights"), "").unwrap();
    fs::write(path("table"), "").unwrap();
    fs::hard_link(path("table"), path("twin")).unwrap();
    symlink("model", path("link")).unwrap();
    let check = |outputs: &[&str], inputs: &[&str]| {
        let all = |names: &[&str]| names.iter().map(|n| path(n)).collect::<Vec<PathBuf>>();
        check_files(all(outputs), all(inputs))
    };
    assert_refuses(check(&["table"], &["table"]), "is the input");
    assert_refuses(check(&["twin"], &["table"]), "is the input");
    assert_refuses(check(&["model/../table"], &["table"]), "is the input");
    assert_refuses(check(&["new", "model/../new"], &[]), "another output");
    assert_refuses(check(&["table", "twin"], &[]), "another output");
    // Through folders that are made later.
    fs::create_dir(path("real")).unwrap();
    symlink("real", path("way")).unwrap();
    assert_refuses(check(&["new/../table"], &["table"]), "it goes up from a folder that is not");
    assert_refuses(check(&["new/a", "way/../new/a"], &[]), "another output");
    assert_refuses(check(&["real/new/a", "way/new/a"], &[]), "another output");
    for output in ["model/weights", "model/new", "link/new", "model/deep/new"] {
        assert_refuses(check(&[output], &["link"]), "lies in the input");
    }
    check(&["new", "other"], &["table", "model", "missing"]).unwrap();
    let directory =
        |output: &str, input: &str| check_directory(&path(output), &MODEL, [path(input)]);
    fs::remove_file(path("model/weights")).unwrap();
    assert_refuses(directory("model", "link"), "is the input");
    assert_refuses(directory("new", "new/missing"), "lies in it");
    directory("model", "table").unwrap();
}

#[test]
fn only_a_directory_of_its_kind_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("photos")).unwrap();
    fs::write(path("photos/cat.jpg"), "cat").unwrap();
    assert_refuses(train(&path("photos"), "train"), "\"cat.jpg\" and no manifest.json");

    fs::create_dir(path("model")).unwrap();
    train(&path("model"), "train").unwrap();
    train(&path("model"), "train").unwrap();
    // Another tool's mark is no obstacle; notes are, and so is a directory named like a file.
    fs::write(path("model/.snakemake_timestamp"), "").unwrap();
    train(&path("model"), "train").unwrap();
    fs::write(path("model/notes.txt"), "mine").unwrap();
    assert_refuses(train(&path("model"), "train"), "also holds \"notes.txt\"");
    assert_eq!(fs::read_to_string(path("model/notes.txt")).unwrap(), "mine");
    fs::remove_file(path("model/notes.txt")).unwrap();
    fs::remove_file(path("model/weights")).unwrap();
    fs::create_dir_all(path("model/weights")).unwrap();
    assert_refuses(train(&path("model"), "train"), "also holds \"weights\"");

    train(&path("other"), "mask").unwrap();
    assert_refuses(train(&path("other"), "train"), "what mask wrote, and no model");
    assert_eq!(names(folder.path()), ["model", "other", "photos"]);
}

#[test]
fn what_others_put_into_a_directory_meanwhile_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model");
    train(&target, "train").unwrap();
    let new = NewDirectory::create(&target, MODEL).unwrap();
    fs::write(new.path().join("weights"), "new").unwrap();
    fs::write(target.join("notes.txt"), "mine").unwrap();
    new.commit().unwrap();
    assert_eq!(names(&target), ["notes.txt", "weights"]);
    assert_eq!(fs::read_to_string(target.join("weights")).unwrap(), "new");
    assert_eq!(names(folder.path()), ["model"]);
}

#[test]
fn what_is_left_of_a_checkpoint_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("checkpoint");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("weights"), "half").unwrap();
    assert!(check_directory(&target, &MODEL, [""; 0]).is_err());
    NewDirectory::create(&target, SCRATCH).unwrap().commit().unwrap();
    assert_eq!(names(&target), [""; 0]);
    fs::write(target.join("weights"), "half").unwrap();
    remove_directory(&target, &SCRATCH).unwrap();
    remove_directory(&target, &SCRATCH).unwrap();
    assert_eq!(names(folder.path()), [""; 0]);
    fs::create_dir(&target).unwrap();
    fs::write(target.join("notes"), "mine").unwrap();
    assert!(remove_directory(&target, &SCRATCH).is_err());
    assert_eq!(names(&target), ["notes"]);
}

#[test]
fn files_of_one_run_appear_together_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let both = |text: &str| {
        let mut files =
            [NewFile::create(&path("a")).unwrap(), NewFile::create(&path("b")).unwrap()];
        files.iter_mut().for_each(|file| file.write_all(text.as_bytes()).unwrap());
        files
    };
    commit_together(both("old")).unwrap();
    // A directory that appears under a name meanwhile is moved aside and back like a file.
    let files = both("new");
    fs::remove_file(path("b")).unwrap();
    fs::create_dir_all(path("b/in/use")).unwrap();
    let [a, b] = files;
    // The partial of `a` is gone, so it cannot take its name once `b` has.
    for name in names(folder.path()).iter().filter(|name| name.starts_with(".a.partial-")) {
        fs::remove_file(path(name)).unwrap();
    }
    let fault = commit_together([a, b]).unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::Failure, "{fault}");
    assert_eq!(fs::read_to_string(path("a")).unwrap(), "old");
    assert!(path("b/in/use").is_dir());
    assert_eq!(names(folder.path()), ["a", "b"]);
}

#[test]
fn what_a_killed_run_left_is_removed_and_what_a_living_one_writes_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path(".out.partial-aB3dE6"), "half").unwrap();
    fs::create_dir(path(".out.partial-zzzzzz")).unwrap();
    // Names that only look alike.
    for name in [".out.partial-notes", ".other.partial-aB3dE6", ".out.partial-aB3dE67"] {
        fs::write(path(name), "mine").unwrap();
    }
    let living = NewFile::create(&path("out")).unwrap();
    assert_eq!(names(folder.path()).len(), 4);
    write(&path("out"), "whole").unwrap();
    living.commit().unwrap();
    assert_eq!(names(folder.path()).len(), 4);
}

#[test]
fn what_has_the_name_of_a_lock_is_said_before_work_begins() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path(".main.lock"), "somebody's").unwrap();
    let fault = check_files([path("main"), path("other")], [""; 0]).unwrap_err();
    assert!(fault.to_string().contains("is not an empty file of yours"), "{fault}");
    // One file alone needs no lock, and a lock that is held is waited for in the end.
    check_files([path("main")], [""; 0]).unwrap();
    fs::write(path(".main.lock"), "").unwrap();
    let held = fs::File::open(path(".main.lock")).unwrap();
    held.lock().unwrap();
    check_files([path("main"), path("other")], [""; 0]).unwrap();
    assert!(path(".main.lock").exists());
}

#[test]
fn an_earlier_output_that_was_moved_aside_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path(".out.earlier-aB3dE6"), "earlier").unwrap();
    drop(NewFile::create(&path("out")).unwrap());
    assert_eq!(fs::read_to_string(path("out")).unwrap(), "earlier");
    assert_eq!(names(folder.path()), ["out"]);
    // One that a newer output has followed is not needed any more.
    fs::rename(path("out"), path(".out.earlier-aB3dE6")).unwrap();
    write(&path("other"), "newer").unwrap();
    fs::rename(path("other"), path("out")).unwrap();
    drop(NewFile::create(&path("out")).unwrap());
    assert_eq!(fs::read_to_string(path("out")).unwrap(), "newer");
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn an_output_is_written_by_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model");
    let lock = OutputLock::take(&target).unwrap();
    assert_refuses(OutputLock::take(&target).map(drop), "another process is writing");
    drop(OutputLock::take(&folder.path().join("other")).unwrap());
    drop(lock);
    drop(OutputLock::take(&target).unwrap());
    assert_eq!(names(folder.path()), [""; 0]);
    // Names that begin alike have locks of their own.
    let long = |end: &str| folder.path().join(format!("{}{end}", "x".repeat(150)));
    let lock = OutputLock::take(&long("a")).unwrap();
    drop(OutputLock::take(&long("b")).unwrap());
    drop(lock);
    // What is not a lock is not touched.
    let taken = folder.path().join(".model.lock");
    fs::write(&taken, "mine").unwrap();
    assert_refuses(OutputLock::take(&target).map(drop), "move it away");
    assert_eq!(fs::read_to_string(&taken).unwrap(), "mine");
    fs::remove_file(&taken).unwrap();
    symlink("elsewhere", &taken).unwrap();
    assert_refuses(OutputLock::take(&target).map(drop), "move it away");
    assert!(!folder.path().join("elsewhere").exists());
}
