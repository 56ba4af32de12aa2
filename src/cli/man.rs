//! The manual: one page for all commands.

use std::fmt::Write as _;
use std::io::{self, Write};

use clap_mangen::Man;

use super::version;

/// Files, variables and the exit status, in roff.
const MORE: &str = include_str!("help/manual.roff");

/// Writes the page in roff.
pub(crate) fn manual(out: &mut dyn Write) -> io::Result<()> {
    let mut command = all_in_short_help(super::command());
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone()).date(version::DATE.unwrap_or_default());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for subcommand in command.get_subcommands().filter(|command| command.get_name() != "help") {
        section(subcommand, &mut page)?;
    }
    page.extend_from_slice(MORE.as_bytes());
    page.extend(more(&command, "SH").into_bytes());
    out.write_all(&page)
}

/// The generator leaves the text out of options that are not in the short help.
fn all_in_short_help(command: clap::Command) -> clap::Command {
    command.mut_args(|argument| argument.hide_short_help(false)).mut_subcommands(all_in_short_help)
}

/// Writes a command as a section that contains the parts of the command's own page.
fn section(command: &clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    let title = format!("cxr {}", command.get_name());
    // The global options are at the top of the page.
    let own = command.clone().bin_name(title.clone()).mut_args(|argument| {
        let hidden = argument.is_hide_set() || argument.is_global_set() || is_standard(&argument);
        argument.hide(hidden)
    });
    let has_options = own.get_arguments().any(|argument| !argument.is_hide_set());
    let man = Man::new(own);
    let mut part = Vec::new();
    man.render_synopsis_section(&mut part)?;
    man.render_description_section(&mut part)?;
    if has_options {
        man.render_options_section(&mut part)?;
    }
    writeln!(page, ".SH {}", title.to_uppercase())?;
    page.extend(String::from_utf8_lossy(&part).replace(".SH ", ".SS ").into_bytes());
    page.extend(more(command, "SS").into_bytes());
    Ok(())
}

/// Returns the examples and the exit status of a command as sections, line by line as in its help.
fn more(command: &clap::Command, section: &str) -> String {
    let text = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let mut page = String::new();
    // The section on the environment has more than the paragraph on variables.
    let paragraphs = text.trim_end().split("\n\n").filter(|text| !text.starts_with("Variables:"));
    for paragraph in paragraphs {
        let (title, lines) = paragraph.split_once(":\n").unwrap_or_default();
        let _ = write!(page, ".{section} {}\n.nf\n", title.to_uppercase());
        for line in lines.lines() {
            // No line begins with a control character of roff: each begins with spaces.
            let _ = writeln!(page, "{}", line.replace('\\', "\\e").replace('-', "\\-"));
        }
        page.push_str(".fi\n");
    }
    page
}

fn is_standard(argument: &clap::Arg) -> bool {
    matches!(argument.get_id().as_str(), "help" | "version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_page_has_every_command_and_option() {
        let mut page = Vec::new();
        manual(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        for part in [
            ".TH cxr 1",
            ".SH CXR FETCH",
            ".SH CXR VERIFY",
            ".SH CXR LIST",
            ".SH CXR CHECKSUMS",
            ".SH CXR CITE",
            ".SH CXR COMPLETIONS",
            ".SH CXR MAN",
            "\\-\\-limit\\-rate",
            "\\-\\-checksums",
            "\n.SS EXAMPLES\n",
            "CA certificates to trust",
            ".SH EXIT STATUS",
        ] {
            assert!(page.contains(part), "{part}");
        }
        let global = page.matches("\\fB\\-\\-checksums\\fR \\fI<FILE>").count();
        assert_eq!(global, 1, "global options are listed once");
        assert!(!page.contains(".SH VARIABLES"), "the environment has its section");
    }
}
