import { Argument, type Command, type Option } from 'commander';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

export function register(program: Command): void {
  program
    .command('completion')
    .description('print what a shell needs to complete commands and options')
    .addArgument(new Argument('<shell>', 'which shell').choices(shells))
    .addHelpText('after', `\nTo try it:\n${shells.map((shell) => `  ${shell.padEnd(6)}${trial[shell]}`).join('\n')}`)
    .action((shell: Shell) => {
      process.stdout.write(printers[shell](verbsOf(program)));
    });
}

const trial: Readonly<Record<Shell, string>> = {
  bash: 'source <(gqac completion bash)',
  zsh: 'source <(gqac completion zsh)',
  fish: 'gqac completion fish | source',
};

interface Verb {
  readonly name: string;
  readonly description: string;
  /** What its argument may be, where that is one of a few words; else it is a file. */
  readonly words: readonly string[];
  readonly options: readonly Option[];
}

/** The table that the command line itself is read by. */
function verbsOf(program: Command): readonly Verb[] {
  return program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    words: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
    options: command.options,
  }));
}

const flagsOf = ({ short, long }: Option): readonly string[] => [short, long].filter((flag) => flag !== undefined);
const takesValue = ({ required, optional }: Option): boolean => required || optional;

const printers: Readonly<Record<Shell, (verbs: readonly Verb[]) => string>> = { bash, zsh, fish };

function bash(verbs: readonly Verb[]): string {
  const cases = verbs.map(({ name, words, options }) => {
    const flags = options.flatMap(flagsOf);
    return `    ${name}) words='${words.join(' ')}' flags='${[...flags, '--help'].join(' ')}' ;;`;
  });
  return `# ${trial.bash}
_gqac() {
  local word=\${COMP_WORDS[COMP_CWORD]} words='' flags=''
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
  if ((COMP_CWORD == 1)); then
    words='${verbs.map(({ name }) => name).join(' ')}' flags='--help --version'
  fi
  [[ $word == -* ]] && words=$flags
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _gqac gqac
`;
}

function zsh(verbs: readonly Verb[]): string {
  const cases = verbs.map(({ name, words, options }) => {
    const specs = options.map((option) => `      ${zshOption(option)} \\`);
    const rest = words.length === 0 ? '_files' : `(${words.join(' ')})`;
    return `    ${name})\n    _arguments \\\n${specs.map((spec) => `${spec}\n`).join('')}      '2: :${rest}' '*: :_files'\n    ;;`;
  });
  const named = verbs.map(({ name, description }) => `    ${quoted(`${name}:${description}`)}`);
  return `#compdef gqac
# ${trial.zsh}
_gqac() {
  local -a verbs=(
${named.join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe command verbs
    return
  fi
  case $words[2] in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _gqac ]]; then _gqac "$@"; else compdef _gqac gqac; fi
`;
}

/** Brackets and colons end a description. */
function zshOption(option: Option): string {
  const flags = flagsOf(option);
  const text = `[${option.description.replace(/[[\]:\\]/g, '\\$&')}]${takesValue(option) ? ': :_files' : ''}`;
  return flags.length === 1
    ? quoted(`${flags.join()}${text}`)
    : `'(${flags.join(' ')})'{${flags.join(',')}}${quoted(text)}`;
}

function fish(verbs: readonly Verb[]): string {
  const lines = verbs.flatMap(({ name, description, words, options }) => {
    const within = `complete -c gqac -n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c gqac -n __fish_use_subcommand -f -a ${name} -d ${quoted(description)}`,
      ...(words.length === 0 ? [] : [`${within} -f -a '${words.join(' ')}'`]),
      ...options.map((option) => `${within}${fishFlags(option)} -d ${quoted(option.description)}`),
    ];
  });
  return `# ${trial.fish}\n${lines.join('\n')}\n`;
}

function fishFlags(option: Option): string {
  const { short, long } = option;
  const names = [short && ` -s ${short.slice(1)}`, long && ` -l ${long.slice(2)}`].filter(Boolean);
  return `${names.join('')}${takesValue(option) ? ' -r' : ''}`;
}

/** In single quotes a quote is the only character with a meaning, in fish a backslash too. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", '’')}'`;
}
