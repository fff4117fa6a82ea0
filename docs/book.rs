//! The README and the chapters as documentation, so that `cargo test` compiles and runs their code.

macro_rules! chapters {
    ($($name:ident: $file:literal),+ $(,)?) => {
        $(
            #[doc = include_str!($file)]
            pub mod $name {}
        )+
    };
}

chapters! {
    readme: "../README.md",
    getting_started: "src/getting-started.md",
    choosing: "src/choosing.md",
    recipes: "src/recipes.md",
    bridge: "src/bridge.md",
    migrating: "src/migrating.md",
    journal: "src/journal.md",
    waiting: "src/waiting.md",
    inspect: "src/inspect.md",
    bench: "src/bench.md",
    memory_model: "src/memory-model.md",
    failures: "src/failures.md",
    mistakes: "src/mistakes.md",
    faq: "src/faq.md",
}
