//! Who may call which tool of the shipped bundle, as a text that a reviewer reads.
//!
//! `UPDATE_SNAPSHOTS=1` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use palisade_core::{Actor, ActorChain, ActorKind, Environment, FactSources, Facts};

use crate::universe::NOW;

#[test]
fn the_access_matrix_of_the_quickstart_is_the_reviewed_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = root.join("../policies/quickstart");
    let (snapshot, _) = palisade_bundle::load_directory(&directory, FactSources::default())
        .expect("the bundle loads");
    let actors = snapshot.known_actors();
    let of = |kind| actors.iter().filter(move |actor: &&Actor| actor.kind == kind);
    let alone = actors.iter().map(|actor| vec![actor.clone()]);
    let behind = of(ActorKind::User)
        .flat_map(|user| of(ActorKind::Agent).map(move |agent| vec![user.clone(), agent.clone()]));

    let mut matrix = String::new();
    for links in alone.chain(behind) {
        let names: Vec<String> = links.iter().map(ToString::to_string).collect();
        writeln!(matrix, "{}", names.join(" -> ")).expect("writes to a string");
        let chain = ActorChain::new(links).expect("a chain");
        match snapshot.prospects(&chain, None, &Environment::default(), &Facts::at(NOW)) {
            Ok(prospects) => {
                for prospect in prospects {
                    let answer = prospect.prospect.as_str();
                    writeln!(matrix, "  {:<9} {}", answer, prospect.tool).expect("writes");
                }
            }
            Err(refusal) => {
                writeln!(matrix, "  deny      everything: {}", refusal.reason.code)
                    .expect("writes");
            }
        }
    }
    let path = root.join("snapshots/access_matrix.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("writes");
        std::fs::write(&path, &matrix).expect("writes");
    }
    let reviewed = std::fs::read_to_string(&path).expect("tests/snapshots/access_matrix.txt");
    assert!(matrix == reviewed, "the access matrix changed; is that meant?\n{matrix}");
}
