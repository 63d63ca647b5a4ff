//! A store that is too old, too new, damaged or read-only: every command says so, says what to do, and changes nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{
    harness::{COSELL, World},
    scenarios::Stage,
};

/// What is asked of a store that cannot be used, with the opportunity in the place of `DEAL`.
const COMMANDS: &[&[&str]] = &[
    &["run"],
    &["sync", "--once"],
    &["deals", "list"],
    &["deals", "show", "DEAL"],
    &["deals", "history", "DEAL"],
    &["plan", "--all"],
    &["verify"],
    &["verify", "--all"],
    &["verify", "--last"],
    &["pause"],
    &["pause", "--all"],
    &["resume", "--all"],
    &["retry", "--all"],
    &["replay", "--since", "2h"],
    &["push", "DEAL"],
    &["resolve", "DEAL"],
    &["restore", "DEAL"],
    &["send-now", "DEAL"],
    &["withdraw", "DEAL"],
    &["release"],
    &["mapping", "rewrite"],
];

/// A store with one deal, at rest and closed in order; the opportunity.
async fn at_rest() -> (World, String) {
    let mut stage = Stage::set().await;
    let (opportunity, _) = stage.pair("Proseware press", 40_000, false).await;
    stage.both_judges_agree(1).await;
    stage.settle();
    let Stage { world, service } = stage;
    drop(service);
    (world, opportunity)
}

fn store_of(world: &World) -> PathBuf {
    world.folder().join("cosell.sqlite3")
}

fn told(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said).into_owned()).concat()
}

/// Each command fails with one of these words, and the store's file is what it was.
fn refused_by_every_command(world: &World, opportunity: &str, words: &[&str]) {
    let before = fs::read(store_of(world)).unwrap();
    for command in COMMANDS {
        let command: Vec<&str> =
            command.iter().map(|word| if *word == "DEAL" { opportunity } else { word }).collect();
        let output = world.cosell(&command);
        let said = told(&output);
        assert!(!output.status.success(), "{command:?} went on:\n{said}");
        assert!(words.iter().any(|word| said.contains(word)), "{command:?} does not say {words:?}:\n{said}");
        assert!(!said.contains("panicked"), "{command:?}: {said}");
        assert!(fs::read(store_of(world)).unwrap() == before, "{command:?} changed the store");
    }
}

/// Overwrites bytes of the file.
fn overwrite(path: &Path, at: usize, bytes: &[u8]) -> Vec<u8> {
    let whole = fs::read(path).unwrap();
    let mut changed = whole.clone();
    changed[at..at + bytes.len()].copy_from_slice(bytes);
    fs::write(path, changed).unwrap();
    whole
}

/// Where SQLite keeps the schema's version, big end first.
const USER_VERSION: usize = 60;

/// The size of SQLite's pages here.
const PAGE: usize = 4096;

#[tokio::test]
async fn a_store_that_is_too_new_too_old_or_damaged_is_refused_by_name_and_goes_on_once_it_is_whole() {
    let (world, opportunity) = at_rest().await;
    let store = store_of(&world);
    let whole = overwrite(&store, USER_VERSION, &99_u32.to_be_bytes());
    refused_by_every_command(&world, &opportunity, &["install the newer program that wrote it"]);
    fs::write(&store, &whole).unwrap();

    overwrite(&store, USER_VERSION, &0_u32.to_be_bytes());
    let words =
        ["start the service once: both bring the store up to date", "is a database of another program"];
    refused_by_every_command(&world, &opportunity, &words);
    fs::write(&store, &whole).unwrap();

    let damaged = "restore the store file from a backup";
    overwrite(&store, 0, &[b'x'; 100]);
    refused_by_every_command(&world, &opportunity, &[damaged]);
    fs::write(&store, &whole).unwrap();
    overwrite(&store, PAGE, &vec![0xff; whole.len() - PAGE]);
    refused_by_every_command(&world, &opportunity, &[damaged]);
    fs::write(&store, &whole).unwrap();
    // A file that was cut off, as a full disk or a broken copy leaves it.
    fs::write(&store, &whole[..whole.len() / 3 / PAGE * PAGE]).unwrap();
    refused_by_every_command(&world, &opportunity, &[damaged]);
    fs::write(&store, &whole).unwrap();

    world.both_judges_agree(1).await;
    let _service = world.run();
    world.seller_edits(&opportunity, serde_json::json!({ "Amount": 41_000 })).await;
    let referral = world.referral_of(&opportunity).await;
    world.until_referral(&referral, "/details/dealValue", crate::scenarios::is(41_000)).await;
}

/// Somebody without any right of its own, where the tests run as the one user that no right binds.
const NOBODY: u32 = 65_534;

#[cfg(unix)]
#[tokio::test]
async fn a_store_that_may_only_be_read_is_read_and_every_write_says_what_is_not_writable() {
    use std::os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    };
    let (world, opportunity) = at_rest().await;
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let set = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    // The program where anybody may run it; everything in the folder may be read, and nothing written.
    let program = world.folder().join("cosell");
    fs::copy(COSELL, &program).unwrap();
    for entry in fs::read_dir(world.folder()).unwrap() {
        set(&entry.unwrap().path(), 0o444);
    }
    set(&program, 0o555);
    set(world.folder(), 0o555);
    let before = fs::read(store_of(&world)).unwrap();
    let run = |words: &[&str]| {
        let mut command = Command::new(&program);
        command.args(words).arg("--config").arg(world.config());
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.output().unwrap()
    };
    for command in [&["deals", "list"] as &[&str], &["deals", "show", &opportunity], &["pause"], &["release"]]
    {
        let output = run(command);
        assert!(output.status.success(), "{command:?}: {}", told(&output));
    }
    for command in [
        &["run"] as &[&str],
        &["sync", "--once"],
        &["pause", "--all"],
        &["resume", "--all"],
        &["retry", &opportunity],
        &["push", &opportunity],
        &["verify", "--all"],
    ] {
        let output = run(command);
        let said = told(&output);
        assert!(!output.status.success(), "{command:?} went on: {said}");
        assert!(said.contains("not writable"), "{command:?}: {said}");
    }
    assert!(fs::read(store_of(&world)).unwrap() == before, "the store was changed");
    set(world.folder(), 0o755);
}
