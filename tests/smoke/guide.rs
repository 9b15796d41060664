//! The guide of `policies/README.md`, word by word: its commands are run in order, and say what is
//! printed under them. With `UPDATE_GENERATED=1` what they say is written there; read it then.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{command, home, text};

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/README.md");

/// A command of the guide, and what it is to print.
#[derive(Debug)]
struct Step {
    /// Its lines as they stand there, `$` and all.
    shown: String,
    said: String,
}

/// A part of the guide.
enum Part {
    /// As it stands.
    Text(String),
    /// Between fences; some commands, one after the other.
    Steps(Vec<Step>),
}

fn parts(guide: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = guide.split_inclusive('\n').peekable();
    let mut prose = String::new();
    while let Some(line) = lines.next() {
        prose.push_str(line);
        let begins = lines.peek().is_some_and(|next| next.starts_with("$ "));
        if line != "```\n" || !begins {
            continue;
        }
        parts.push(Part::Text(std::mem::take(&mut prose)));
        let mut steps: Vec<Step> = Vec::new();
        let mut in_document = false;
        let mut goes_on = false;
        while let Some(line) = lines.next_if(|line| *line != "```\n") {
            if line.starts_with("$ ") && !in_document {
                steps.push(Step { shown: line.to_owned(), said: String::new() });
            } else if let Some(step) = steps.last_mut() {
                let part = if in_document || goes_on { &mut step.shown } else { &mut step.said };
                part.push_str(line);
            }
            in_document = (in_document && line != "END\n") || line.contains("<<'END'");
            goes_on = line.ends_with("\\\n");
        }
        parts.push(Part::Steps(steps));
    }
    parts.push(Part::Text(prose));
    parts
}

impl Step {
    /// Whether it goes on until somebody ends it.
    fn is_endless(&self) -> bool {
        self.shown.contains("--watch")
    }

    fn run(&self, folder: &Path) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_palisade"));
        let mut path = program.parent().expect("a folder").as_os_str().to_owned();
        path.push(":/usr/local/bin:/usr/bin:/bin");
        let script = self.shown.strip_prefix("$ ").expect("a command");
        // What is said on both is read as on a terminal.
        let script = format!("exec 2>&1\n{script}");
        let mut shell = Command::new("bash");
        let ran = shell.args(["-c", &script]).env_clear().env("HOME", folder).env("PATH", path);
        text(&ran.current_dir(folder).output().expect("bash starts").stdout).to_owned()
    }
}

/// The text without what differs from run to run: how long something took.
fn settled(text: &str) -> String {
    let mut settled = String::new();
    for word in text.split_inclusive([' ', '\n']) {
        let number = word.trim_end();
        let is_time = number.parse::<f64>().is_ok() && number.contains('.');
        settled.push_str(if is_time { word.strip_prefix(number).unwrap_or(word) } else { word });
    }
    settled
}

#[test]
fn every_command_of_the_guide_says_what_stands_there() {
    let guide = fs::read_to_string(GUIDE).expect("the guide");
    let update = std::env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1");
    let home = home();
    // The program is there, whatever the path says.
    assert!(command(home.path()).arg("--version").status().expect("it starts").success());
    let (mut fresh, mut differences, mut ran) = (String::new(), String::new(), 0);
    for part in parts(&guide) {
        let steps = match part {
            Part::Text(text) => {
                fresh.push_str(&text);
                continue;
            }
            Part::Steps(steps) => steps,
        };
        for step in steps {
            fresh.push_str(&step.shown);
            let says = if step.is_endless() { step.said.clone() } else { step.run(home.path()) };
            ran += 1;
            if settled(&says) == settled(&step.said) {
                fresh.push_str(&step.said);
            } else {
                let Step { shown, said } = &step;
                let _written = write!(differences, "{shown}says\n{says}and not\n{said}\n");
                fresh.push_str(&says);
            }
        }
    }
    assert!(ran > 40, "only {ran} commands were found");
    if update {
        fs::write(GUIDE, fresh).expect("written");
    } else {
        assert!(differences.is_empty(), "{differences}");
    }
}
