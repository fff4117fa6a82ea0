//! The dashboard in `docs/grafana` asks for what the endpoint of the example `observability` has, and for all of it. With a
//! broker beyond the process at the same endpoint.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stentor::{Metrics as Hook, NatsMessageBroker};

#[allow(dead_code, reason = "its `main` is not for us")]
#[path = "../examples/observability.rs"]
mod observability;
mod servers;

/// Metrics, with their labels.
type Metrics = BTreeMap<String, BTreeSet<String>>;

fn dashboard() -> Value {
    let text = include_str!("../docs/grafana/stentor.json");
    serde_json::from_str(text).expect("the dashboard is JSON")
}

/// All texts of the members with this name, wherever they are.
fn texts<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get(name).and_then(Value::as_str));
            members.values().for_each(|value| texts(value, name, found));
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, name, found)),
        _ => {}
    }
}

/// The queries of the panels and of the variables.
fn queries(dashboard: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    texts(dashboard, "expr", &mut found);
    texts(dashboard, "query", &mut found);
    found.retain(|query| *query != "prometheus"); // the kind of the data source
    found
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The names before the `=`, `=~`, .. of a selector or of a sample: `{a="1", b=~"$b"}` has a and b. (No value has a
/// comma or a brace.)
fn labels(selector: &str) -> impl Iterator<Item = String> {
    let inside = selector.strip_prefix('{').and_then(|rest| rest.split('}').next());
    let parts = inside.unwrap_or("").split(',');
    let names = parts.map(|part| part.trim().chars().take_while(|c| is_of_name(*c)).collect());
    names.filter(|name: &String| !name.is_empty())
}

/// The labels that a query groups by: `sum by (a, b) (..)`, `label_values(.., a)`.
fn grouped_by(query: &str) -> impl Iterator<Item = &str> {
    let lists = query.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
    let values = query.strip_prefix("label_values(").and_then(|rest| rest.split([',', ')']).nth(1));
    lists.chain(values).flat_map(|list| list.split(',')).map(str::trim)
}

/// The metrics in a text: what begins with our name, and the labels that follow in braces.
fn metrics(text: &str) -> Metrics {
    let mut found = Metrics::new();
    for (at, _) in text.match_indices("stentor_") {
        let rest = &text[at..];
        let end = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
        found.entry(rest[..end].to_owned()).or_default().extend(labels(&rest[end..]));
    }
    found
}

/// What the endpoint has once the service has worked.
fn page() -> String {
    let server = servers::Server::nats();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = observability::free_address().unwrap();
    runtime.block_on(async {
        observability::serve_metrics(address).unwrap();
        let broker = observability::start().unwrap();
        observability::work(&broker).await.unwrap();
        let remote = NatsMessageBroker::<u64>::builder(server.url()).connect().await.unwrap();
        Hook::new("remote").record_remote(&remote.metrics());
        tokio::task::spawn_blocking(move || observability::scrape(address)).await.unwrap().unwrap()
    })
}

#[test]
fn dashboard_asks_for_what_is_there_and_for_all_of_it() {
    let page = page();
    let samples: String = page.lines().filter(|line| !line.starts_with('#')).collect();
    let there = metrics(&samples);
    let dashboard = dashboard();
    let queries = queries(&dashboard);
    let mut asked = BTreeSet::new();
    for query in queries {
        let wanted = metrics(query);
        assert!(!wanted.is_empty(), "a query without a metric of ours: {query}");
        for (metric, labels) in wanted {
            let Some(known) = there.get(&metric) else {
                panic!("{metric} is not on the page, but in {query}\n{page}")
            };
            for label in labels.iter().map(String::as_str).chain(grouped_by(query)) {
                assert!(known.contains(label), "{metric} has no label {label}: {query}");
            }
            asked.insert(metric);
        }
    }
    let unasked: Vec<_> = there.keys().filter(|metric| !asked.contains(*metric)).collect();
    assert!(unasked.is_empty(), "not on the dashboard: {unasked:?}");
}
