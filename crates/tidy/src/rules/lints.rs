//! Every crate keeps the workspace's lints; a crate that forgets the line would be judged by no one.

use super::hold;
use crate::checkout;

#[test]
fn every_crate_keeps_the_lints() {
    let members = checkout::members();
    let told = members
        .iter()
        .filter_map(|member| complaint(&member.name, &checkout::read(&format!("{}/Cargo.toml", member.dir))));
    hold(&told.collect::<Vec<_>>());
}

fn complaint(name: &str, manifest: &str) -> Option<String> {
    let manifest: toml::Table = manifest.parse().expect("cargo read this manifest before");
    let keeps = manifest.get("lints").and_then(|lints| lints.get("workspace")?.as_bool()) == Some(true);
    (!keeps).then(|| format!("`{name}`: write `workspace = true` under `[lints]` in its Cargo.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_without_the_line_is_told() {
        let told = "`x`: write `workspace = true` under `[lints]` in its Cargo.toml";
        assert_eq!(complaint("x", "[package]\nname = \"x\"\n").as_deref(), Some(told));
        assert!(complaint("x", "[lints]\nworkspace = false\n").is_some());
        assert!(complaint("x", "[lints.rust]\nunsafe_code = \"allow\"\n").is_some());
        assert_eq!(complaint("x", "[lints]\nworkspace = true\n"), None);
        assert_eq!(complaint("x", "lints.workspace = true\n"), None);
    }
}
