//! Repositories: read in one way, or not at all.

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Option<String> {
    SourceRepository::parse(text).map(SourceRepository::into_string)
}

#[test]
fn one_repository_is_read_the_same_however_it_is_written() {
    for text in [
        "https://github.com/example/agent",
        "https://github.com/example/agent.git",
        "git+https://github.com/example/agent",
        "git+https://github.com/example/agent.git",
        "git+https://github.com/example/agent@refs/heads/main",
        "git+https://github.com/example/agent.git@refs/tags/v1.0.0",
        "git+https://github.com/example/agent@ebff8dfbd609b7b22237c7719ce07f2dc7934f5f",
        "git+https://github.com/example/agent@refs/heads/a@b",
    ] {
        assert_eq!(read(text).as_deref(), Some("https://github.com/example/agent"), "{text}");
    }
    assert_eq!(
        read("https://git.sr.ht/~user/some.project_1").as_deref(),
        Some("https://git.sr.ht/~user/some.project_1")
    );
    assert_eq!(read("https://localhost:3000/a").as_deref(), Some("https://localhost:3000/a"));
}

#[test]
fn what_might_be_read_as_another_repository_is_not_read() {
    for text in [
        "",
        "https://",
        "https://github.com",
        "https://github.com/",
        "https:///example/agent",
        "https://../example/agent",
        "https://github.com./example/agent",
        "https://github..com/example/agent",
        "https://github.com:/example/agent",
        "https://github.com:a/example/agent",
        "https://github.com:443:443/example/agent",
        "https://github.com//agent",
        "https://github.com/example/",
        "https://github.com/example//agent",
        "https://github.com/example/../other/agent",
        "https://github.com/example/./agent",
        "https://github.com/example/agent/..",
        "https://github.com/example/%2e%2e/agent",
        "https://github.com/example/agent?x=1",
        "https://github.com/example/agent#readme",
        "https://github.com/example\\agent",
        "https://github.com/example/agent\n",
        "https://github.com/example/agent\u{0}",
        "https://github.com/example/ag ent",
        "https://github.com/example/agént",
        "https://github.com/example/.git",
        "https://github.com/example/agent.git.git",
        "https://github.com/example/agent@",
        "https://user@github.com/example/agent",
        "https://user:secret@github.com/example/agent",
        "https://github.com@evil.example/example/agent",
        "https://GitHub.com/example/agent",
        "https://gıthub.com/example/agent",
        "http://github.com/example/agent",
        "HTTPS://github.com/example/agent",
        "ssh://git@github.com/example/agent",
        "git+ssh://git@github.com/example/agent",
        "git+git+https://github.com/example/agent",
        "git://github.com/example/agent",
        "git@github.com:example/agent.git",
        " https://github.com/example/agent",
        "https://github.com/example/*",
    ] {
        assert_eq!(read(text), None, "{text:?}");
    }
}

#[test]
fn exact_pin_accepts_one_repository() {
    let pin = SourcePin::parse("https://github.com/example/agent").unwrap();
    let accepts = |text: &str| pin.accepts(&SourceRepository::parse(text).unwrap());
    assert!(accepts("https://github.com/example/agent"));
    assert!(accepts("git+https://github.com/example/agent.git@refs/heads/main"));
    assert!(!accepts("https://github.com/example/agent2"));
    assert!(!accepts("https://github.com/example/agent/sub"));
    assert!(!accepts("https://github.com/example/Agent"));
    assert!(!accepts("https://github.com/example"));
    assert!(!accepts("https://github.com:443/example/agent"));
    assert!(!accepts("https://gitlab.com/example/agent"));
}

#[test]
fn pin_with_a_star_accepts_all_below_and_nothing_beside() {
    let pin = SourcePin::parse("https://gitlab.example/group/*").unwrap();
    let accepts = |text: &str| pin.accepts(&SourceRepository::parse(text).unwrap());
    assert!(accepts("https://gitlab.example/group/a"));
    assert!(accepts("https://gitlab.example/group/sub/a"));
    assert!(!accepts("https://gitlab.example/group"));
    assert!(!accepts("https://gitlab.example/group.git"));
    assert!(!accepts("https://gitlab.example/groupies/a"));
    assert!(!accepts("https://gitlab.example.evil/group/a"));
    assert!(!accepts("https://gitlab.example/other/group/a"));
}

#[test]
fn pins_that_are_open_or_ambiguous_are_refused() {
    for pin in [
        "",
        "*",
        "https://*",
        "https://github.com/*",
        "https://github.com/example*",
        "https://github.com/*/agent",
        "https://github.com/example/**",
        "https://github.com/example/*/*",
        "https://github.com/example/agent@refs/heads/main",
        "https://github.com/example/agent.git",
        "git+https://github.com/example/agent",
        "https://github.com/example/",
        "https://github.com/example/../*",
    ] {
        assert_eq!(SourcePin::parse(pin), None, "{pin}");
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(text in ".{0,80}") {
        if let Some(repository) = read(&text) {
            let again = read(&repository);
            prop_assert_eq!(again, Some(repository));
        }
    }

    #[test]
    fn what_is_read_is_read_the_same_again(
        text in "(git\\+)?https://[a-z.:]{1,8}(/[a-zA-Z.~_@-]{1,6}){1,4}(\\.git)?"
    ) {
        if let Some(repository) = read(&text) {
            prop_assert!(!repository.contains('@') && !repository.ends_with(".git"));
            prop_assert!(!repository.contains("/../") && repository.matches("//").count() == 1);
            prop_assert!(SourcePin::parse(&repository).is_some());
        }
    }
}
