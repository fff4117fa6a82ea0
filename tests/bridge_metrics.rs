//! What a bridge does is seen through the `metrics` facade.

mod bridging;

use bridging::{about, broker, end, numbers, until};
use metrics_exporter_prometheus::PrometheusBuilder;
use stentor::{Bridge, MessageBroker};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exporter_sees_the_same_numbers() {
    let exporter = PrometheusBuilder::new().build_recorder();
    let page = exporter.handle();
    metrics::set_global_recorder(exporter).unwrap();

    let (remote, local) = (broker(), broker());
    let mut there = remote.subscribe().await.unwrap();
    let bridge = Bridge::builder(local.clone(), remote.clone()).name("out").share("a");
    let bridge = bridge.start().await.unwrap();
    for number in 0..5 {
        local.publish(about("a", number)).await.unwrap();
    }
    remote.publish(about("a", 5)).await.unwrap();
    remote.publish(about("b", 6)).await.unwrap();
    assert_eq!(numbers(&mut there, 7).await.len(), 7);
    until(&bridge, |stats| stats.dropped.echoes == 5 && stats.dropped.unwanted == 1).await;
    let stats = end(bridge).await;
    let page = page.render();
    for (line, number) in [
        (r#"stentor_bridge_exported_total{bridge="out"}"#, stats.exported),
        (r#"stentor_bridge_imported_total{bridge="out"}"#, stats.imported),
        (r#"stentor_bridge_dropped_total{bridge="out",reason="echo"}"#, stats.dropped.echoes),
        (r#"stentor_bridge_dropped_total{bridge="out",reason="unwanted"}"#, 1),
        (r#"stentor_bridge_dropped_total{bridge="out",reason="lagged"}"#, 0),
        (r#"stentor_bridge_in_flight{bridge="out"}"#, 0),
    ] {
        assert!(page.contains(&format!("{line} {number}\n")), "{line} {number}:\n{page}");
    }
    assert_eq!((stats.exported, stats.imported, stats.dropped.echoes), (5, 1, 5));
}
