//! `presence-sidecar man`: the manual pages, made from the same source as the help texts.

use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::{Args, Command};
use clap_mangen::Man as Page;

use super::output::{print, print_line};
use super::run::CommandResult;

#[derive(Debug, Args)]
pub(super) struct Man {
    /// Write the pages of all commands to this folder, instead of the page of presence-sidecar to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Man {
    /// Prints or writes the pages of `command`, each with these exit statuses.
    pub(super) fn run(&self, command: Command, statuses: &[(&str, &str)]) -> CommandResult {
        let mut command = command.disable_help_subcommand(true).after_long_help(Resettable::Reset);
        command.build();
        match &self.out {
            Some(folder) => {
                std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
                write_pages(&command, folder, statuses)
            }
            None => {
                print(&text(&Page::new(command), statuses)?);
                Ok(())
            }
        }
    }
}

/// Writes the page of a command, and those of its commands.
fn write_pages(command: &Command, folder: &Path, statuses: &[(&str, &str)]) -> CommandResult {
    let page = Page::new(command.clone());
    let path = folder.join(page.get_filename());
    std::fs::write(&path, text(&page, statuses)?).map_err(|error| format!("{}: {error}", path.display()))?;
    print_line(&path.display().to_string());
    command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set())
        .try_for_each(|inner| write_pages(inner, folder, statuses))
}

/// The page in roff, with the exit statuses.
fn text(page: &Page, statuses: &[(&str, &str)]) -> Result<String, String> {
    let mut page_text = Vec::new();
    page.render(&mut page_text).map_err(|error| error.to_string())?;
    let mut text = String::from_utf8_lossy(&page_text).into_owned();
    text.push_str(".SH \"EXIT STATUS\"\n");
    for (status, meaning) in statuses {
        text.push_str(&format!(".TP\n\\fB{status}\\fR\n{}\n", meaning.replace('-', "\\-")));
    }
    Ok(text)
}
