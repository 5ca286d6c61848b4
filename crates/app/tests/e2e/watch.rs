//! What those who run it see of it: figures, readiness, the journal, who is busy. And what those who call it cannot
//! write there.

mod deploy;
mod figures;
mod journal;
mod ready;
mod traces;

use std::collections::BTreeMap;
use std::path::Path;

use http::Method;

use crate::http::{Answer, Ask};
use crate::world::World;

/// A look at the figures: each series with its value.
#[derive(Debug)]
struct Figures(BTreeMap<String, f64>);

impl Figures {
    async fn of(world: &World) -> Self {
        let answer = operator(world, "/metrics").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let page = String::from_utf8(answer.body.to_vec()).unwrap();
        let mut series = BTreeMap::new();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let before = series.insert(name.to_owned(), value.parse().unwrap());
            assert_eq!(before, None, "`{name}` stands twice");
        }
        Self(series)
    }

    fn get(&self, series: &str) -> f64 {
        *self.0.get(series).unwrap_or_else(|| panic!("no `{series}` in {self:#?}"))
    }

    /// Calls of a tenant that ended so.
    fn calls(&self, tenant: &str, outcome: &str) -> f64 {
        self.get(&format!("partywall_calls_total{{tenant=\"{tenant}\",outcome=\"{outcome}\"}}"))
    }

    /// The names in front of labels.
    fn names(&self) -> Vec<&str> {
        self.0.keys().map(|series| series.split('{').next().unwrap()).collect()
    }

    /// The tenants that are named, and the others.
    fn tenants(&self) -> Vec<&str> {
        let names = self.0.keys().filter_map(|series| series.strip_prefix("partywall_calls_in_flight{tenant=\""));
        names.filter_map(|rest| rest.strip_suffix("\"}")).collect()
    }
}

/// Asks the admin listener as an operator.
async fn operator(world: &World, path: &str) -> Answer {
    let token = operator_token(world.data());
    let ask = Ask::new(Method::GET, &format!("{}{path}", world.admin));
    ask.header("authorization", &format!("Bearer {token}")).send().await
}

fn operator_token(data: &Path) -> String {
    std::fs::read_to_string(data.join("operator.token")).unwrap().trim().to_owned()
}
