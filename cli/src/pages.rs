//! `netaio completions` and `netaio man`.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::error::CliError;
use crate::examples::{self, Example};
use crate::exit::STATUSES;
use crate::stdio::Output;
use crate::stdio::error::say;

const NAME: &str = "netaio";

/// Prints what a shell has to know to complete command lines.
pub(crate) fn completions(shell: Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut examples::command(), NAME, &mut script);
    Output.write_all(&script).map_err(CliError::Output)
}

/// Writes a page of the manual for the command, and one for each subcommand.
pub(crate) fn man(directory: &Path) -> Result<(), CliError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| CliError::File { path, error }
    };
    fs::create_dir_all(directory).map_err(failed(directory))?;
    // Its names for the subcommands, with the command's before them, come with building.
    let mut command = examples::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add_pages(&command, NAME, &mut pages).map_err(CliError::Output)?;
    for (name, page) in &pages {
        let path = directory.join(format!("{name}.1"));
        fs::write(&path, page).map_err(failed(&path))?;
    }
    say(format_args!(
        "{} pages are in {}",
        pages.len(),
        directory.display()
    ));
    Ok(())
}

/// Adds the page of a command, and those of its subcommands.
fn add_pages(command: &Command, title: &str, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    pages.push((title.to_owned(), page(command, title)?));
    for subcommand in command.get_subcommands() {
        let title = format!("{title}-{}", subcommand.get_name());
        add_pages(subcommand, &title, pages)?;
    }
    Ok(())
}

fn page(command: &Command, title: &str) -> io::Result<Vec<u8>> {
    let version = concat!("netaio ", env!("CARGO_PKG_VERSION"));
    let examples = examples::of(command.get_name());
    // What stands in the synopsis, and for the name.
    let subject = command
        .clone()
        .display_name(title.to_owned())
        .version(env!("CARGO_PKG_VERSION"))
        .after_help("")
        .after_long_help("");
    let man = Man::new(subject)
        .title(title.to_owned())
        .section("1")
        .source(version);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut further = Roff::new();
    if title == NAME {
        statuses(&mut further);
    } else {
        match (examples.is_empty(), command.get_after_help()) {
            (false, _) => examples_section(&mut further, examples),
            // Those of the subcommands of a subcommand are in its help as they are.
            (true, Some(help)) => {
                let help = help.to_string();
                let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
                further.control("SH", ["EXAMPLES"]);
                further.control("nf", []);
                for line in lines {
                    further.text([bold(line)]);
                }
                further.control("fi", []);
            }
            (true, None) => {}
        }
        further.control("SH", ["EXIT STATUS"]);
        further.text([
            roman("The table in "),
            bold("netaio"),
            roman("(1) has them all."),
        ]);
    }
    further.to_writer(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

fn statuses(page: &mut Roff) {
    page.control("SH", ["EXIT STATUS"]);
    for (status, what) in STATUSES {
        page.control("TP", ["8"]);
        page.text([bold(*status)]);
        page.text([roman(*what)]);
    }
}

fn examples_section(page: &mut Roff, examples: &[Example]) {
    page.control("SH", ["EXAMPLES"]);
    for Example { what, line } in examples {
        page.control("PP", []);
        page.text([roman(format!("{what}:"))]);
        page.control("RS", ["4"]);
        page.control("nf", []);
        page.text([bold(*line)]);
        page.control("fi", []);
        page.control("RE", []);
    }
}
