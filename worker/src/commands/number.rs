//! `worker number`: shows how numbers are read, without any service.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use shared::config::Settings;
use shared::domain::phone::{E164, Reader, Region};

/// What stands for standard input.
const STDIN: &str = "-";

/// Which texts are read, and how.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Output: one line for each line of input, of four fields with a tab between them.

  text     as it was given; control characters are written \\t, \\u{7}
  class    customer (may create a person), foreign (may find one, never creates one), or no customer's number:
           withheld, own, internal, short-code, impossible, address, absent
  number   in E.164, for customer and foreign; else -
  reason   why

Example:
  printf '%s\\n' '(202) 555-0143' 4915791234567 anonymous 204 | worker number --region US

  (202) 555-0143  customer  +12025550143    read as dialled in US
  4915791234567   foreign   +4915791234567  possible only as an international number without its plus
  anonymous       withheld  -               a word for a withheld number
  204             internal  -               as short as an extension

The settings are the section [phone]: default_region, outside_line, own_numbers.")]
pub struct Texts {
    /// Region whose dialling rules apply to numbers without country code, in place of the configured one: two letters, or
    /// `none`.
    #[arg(long, value_parser = parse_region)]
    region: Option<OptionalRegion>,
    /// A file with a text a line; `-` is standard input.
    #[arg(value_name = "FILE", default_value = STDIN)]
    file: PathBuf,
}

/// A region, or that there is none.
#[derive(Clone, Copy, Debug)]
struct OptionalRegion(Option<Region>);

fn parse_region(text: &str) -> Result<OptionalRegion, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(OptionalRegion(None));
    }
    Region::parse(text).map(|region| OptionalRegion(Some(region)))
}

/// Reads the texts and prints a line for each. That the reader of the output went away ends it, without an error.
///
/// # Errors
///
/// When the input cannot be read, or the output cannot be written.
pub fn number(settings: &Settings, texts: &Texts) -> anyhow::Result<()> {
    let mut reader = settings.phone.reader();
    if let Some(OptionalRegion(region)) = texts.region {
        reader.region = region;
    }
    let input = open(&texts.file)?;
    let name = texts.file.display();
    let output = BufWriter::new(io::stdout().lock());
    match print_lines(&reader, BufReader::new(input), output) {
        Err(Stopped::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(Stopped::Output(error)) => Err(error).context("cannot write the output"),
        Err(Stopped::Input(error)) => Err(error).with_context(|| format!("cannot read {name}")),
        Ok(()) => Ok(()),
    }
}

fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    if path.as_os_str() == STDIN {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Box::new(file))
}

/// Side of the pipe that failed.
#[derive(Debug)]
enum Stopped {
    Input(io::Error),
    Output(io::Error),
}

fn print_lines<R: Read>(
    reader: &Reader,
    mut input: BufReader<R>,
    mut output: impl Write,
) -> Result<(), Stopped> {
    let mut bytes = Vec::new();
    loop {
        // What was read goes out before more is waited for.
        if input.buffer().is_empty() {
            output.flush().map_err(Stopped::Output)?;
        }
        bytes.clear();
        if input
            .read_until(b'\n', &mut bytes)
            .map_err(Stopped::Input)?
            == 0
        {
            return output.flush().map_err(Stopped::Output);
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        writeln!(output, "{}", line(reader, text)).map_err(Stopped::Output)?;
    }
}

fn line(reader: &Reader, text: &str) -> String {
    let reading = reader.read(Some(text));
    let number = reading.party.number().map_or("-", E164::as_str);
    let class = reading.party.class();
    format!("{}\t{class}\t{number}\t{}", one_field(text), reading.reason)
}

/// A text without characters that end a field or a line, or that a terminal obeys.
fn one_field(text: &str) -> String {
    let mut field = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            field.extend(c.escape_default());
        } else {
            field.push(c);
        }
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(input: &[u8]) -> String {
        let reader = Reader::of_region(Region::parse("US").ok());
        let mut output = Vec::new();
        print_lines(&reader, BufReader::new(input), &mut output).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn each_line_is_answered_by_one_of_four_fields() {
        let output = printed("(202) 555-0143\n\n4915791234567\r\nanonymous\n204".as_bytes());

        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(
            lines,
            [
                "(202) 555-0143\tcustomer\t+12025550143\tread as dialled in US",
                "\tabsent\t-\tno text",
                "4915791234567\tforeign\t+4915791234567\tpossible only as an international number without its plus",
                "anonymous\twithheld\t-\ta word for a withheld number",
                "204\tinternal\t-\tas short as an extension",
            ]
        );
    }

    #[test]
    fn the_text_stays_one_field_whatever_is_in_it() {
        let output = printed(b"202\t555\x1b[1m0143\n\xff\xfe\n");
        let lines: Vec<&str> = output.lines().collect();
        assert!(
            lines[0].starts_with("202\\t555\\u{1b}[1m0143\t"),
            "{output}"
        );
        assert!(
            lines.iter().all(|line| line.split('\t').count() == 4),
            "{output}"
        );
    }

    #[test]
    fn an_output_that_went_away_ends_the_command() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let reader = Reader::default();
        let stopped = print_lines(&reader, BufReader::new(&b"x\n"[..]), Closed);
        assert!(matches!(stopped, Err(Stopped::Output(_))), "{stopped:?}");
    }
}
