//! The scripted server on stdin and stdout: `scripted --eras legacy|modern`.

use partywall_testkit::args;
use partywall_testkit::scripted::Scripted;

fn main() -> std::io::Result<()> {
    let modern = args::value("--eras").as_deref() == Some("modern");
    Scripted::new(modern, std::io::stdout().lock()).serve(std::io::stdin().lock())
}
