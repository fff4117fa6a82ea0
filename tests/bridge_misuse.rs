//! Bridges that cannot be.

mod bridging;

use bridging::{between, broker, end};

#[tokio::test]
async fn errors_name_the_value() {
    let (remote, local) = (broker(), broker());
    let new = || between(&local, &remote);
    for (builder, says) in [
        (new(), "nothing to export or import: expected at least one pattern"),
        (new().export(""), r#""" is no topic pattern: a word between dots is empty"#),
        (new().import("a..b"), r#""a..b" is no topic pattern: a word between dots is empty"#),
        (new().share("a.>.b"), r#""a.>.b" is no topic pattern: > must be the last word"#),
        (new().export("a").export("a"), r#"the pattern "a" is there twice: expected once"#),
        (new().export("a").share("a"), r#"the pattern "a" is there twice: expected once"#),
        (
            new().export("a.>").import("b").import("a.>"),
            r#"the pattern "a.>" is exported and imported: expected `share("a.>")` if both are meant"#,
        ),
        (new().export("a").in_flight(0), "in_flight of 0: expected at least 1"),
    ] {
        assert_eq!(builder.start().await.unwrap_err().to_string(), says);
    }
    // Patterns that overlap are fine.
    let bridge = new().export("a.>").import("a.b").start().await.unwrap();
    let _ = end(bridge).await;
    remote.shutdown();
    let shown = format!("{:?}", new().name("b").share("a"));
    assert!(shown.contains(r#"name: "b""#) && shown.contains("TopicPattern(\"a\")"), "{shown}");
}
