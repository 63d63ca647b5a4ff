//! `--plant NAME`: a mistake on purpose, which the simulation must find. There only in a program that can be given one.

use clap::{
    Arg, ArgMatches, Args, Command, Error, FromArgMatches,
    builder::{PossibleValue, PossibleValuesParser},
};
use planted::Bug;

const PLANT: &str = "plant";

/// The mistake that this process shall have.
#[derive(Debug, Default)]
pub(super) struct Plant(Option<Bug>);

impl Plant {
    /// Lets this process have it, for all runs.
    pub(super) fn arm(&self) {
        if let Some(bug) = self.0 {
            planted::arm(bug);
        }
    }

    /// The line that fails again, with the mistake that made it fail.
    pub(super) fn again(&self, line: String) -> String {
        match self.0 {
            Some(bug) => format!("{line} --plant {}", bug.name()),
            None => line,
        }
    }
}

impl Args for Plant {
    fn augment_args(command: Command) -> Command {
        if !planted::CAN_BE_ARMED {
            return command;
        }
        let bugs = Bug::ALL.iter().map(|bug| PossibleValue::new(bug.name()).help(bug.sentence()));
        command.arg(
            Arg::new(PLANT)
                .long(PLANT)
                .value_name("NAME")
                .value_parser(PossibleValuesParser::new(bugs))
                .help("Makes a mistake on purpose, which has to be found"),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Plant {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        if !planted::CAN_BE_ARMED {
            return Ok(Self(None));
        }
        Ok(Self(matches.get_one::<String>(PLANT).and_then(|name| Bug::named(name))))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
