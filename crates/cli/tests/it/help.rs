//! The help of every command, and the answers to wrong use.

use crate::session::{Session, assert_transcript};

/// Collects a command and all its subcommands from the help texts.
///
/// The help lists every command, so a new command without help is noticed.
fn commands(collected: &mut Vec<Vec<String>>, session: &Session, command: &[&str]) {
    collected.push(command.iter().map(|&word| word.to_owned()).collect());
    let mut args = command.to_vec();
    args.push("--help");
    let help = session.run(&args).out;
    let listed = help.split("Commands:\n").nth(1).unwrap_or_default();
    for line in listed.lines().take_while(|line| line.starts_with("  ")) {
        let name = line.split_whitespace().next().unwrap();
        if name != "help" && !line.starts_with("     ") {
            let mut deeper = command.to_vec();
            deeper.push(name);
            commands(collected, session, &deeper);
        }
    }
}

#[test]
fn every_command_explains_itself() {
    let mut session = Session::new();
    let mut all = Vec::new();
    commands(&mut all, &session, &[]);
    assert!(all.len() > 25, "{all:?}");
    for command in all {
        let mut args: Vec<&str> = command.iter().map(String::as_str).collect();
        args.push("--help");
        session.type_in(&args);
    }
    assert_transcript!(session.transcript());
}

#[test]
fn wrong_use_is_answered_with_status_2() {
    let mut session = Session::new();
    for args in [
        &["votes"][..],
        &["contest", "show"],
        &["contest", "show", "Not An Id"],
        &["pass", "mint", "photo"],
        &["audit", "log"],
        &["audit", "log", "--vkey", "vote.example.org+00000000+AAAA"],
        &["receipt", "verify", "receipt", "--vkey", "x"],
        &["contest", "list", "--url", "http://127.0.0.1:1", "--data", "there"],
    ] {
        assert_eq!(session.type_in(args).status, 2, "{args:?}");
    }
    assert_transcript!(session.transcript());
}

#[test]
fn shells_complete_the_commands() {
    let session = Session::new();
    for shell in ["bash", "zsh", "fish"] {
        let output = session.run(&["completions", shell]);
        assert_eq!((output.status, output.out.contains("certify")), (0, true), "{shell}");
    }
}
