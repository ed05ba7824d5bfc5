import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { catalogue, codes } from '../../src/compiler/diagnostics/catalogue.ts';
import { attention, type Entry } from '../../src/compiler/diagnostics/entry.ts';
import { sarifLog } from '../../src/compiler/diagnostics/render-sarif.ts';
import { checkExample } from '../frontend/helpers.ts';
import { gqac, reportOf } from './helpers.ts';

const {
  $schema: _,
  id: __,
  ...schema
} = JSON.parse(readFileSync(new URL('sarif-2.1.0-rtm.5.schema.json', import.meta.url), 'utf8'));
const isUri = (text: string) => URL.canParse(text);
const isReference = (text: string) => URL.canParse(text, 'https://example.org/') && !/[\s<>\\]/.test(text);
const ajv = new Ajv({
  strict: false,
  unicodeRegExp: false,
  formats: { uri: isUri, 'uri-reference': isReference, 'date-time': true },
});
const isSarif = ajv.compile(schema);

interface Log {
  readonly runs: readonly [
    {
      readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } };
      readonly results: readonly Result[];
    },
  ];
}

interface Place {
  readonly physicalLocation: { readonly artifactLocation: { readonly uri: string }; readonly region: object };
}

interface Result {
  readonly ruleId: string;
  readonly ruleIndex: number;
  readonly level: string;
  readonly message: { readonly text: string };
  readonly locations: readonly [Place];
  readonly relatedLocations?: readonly (Place & { readonly message: { readonly text: string } })[];
  readonly fixes?: readonly unknown[];
  readonly suppressions: readonly unknown[];
}

function logOf(report: ReturnType<typeof reportOf>): Log {
  const log: unknown = JSON.parse(JSON.stringify(sarifLog(report, '1.2.3')));
  expect(isSarif(log), ajv.errorsText(isSarif.errors)).toBe(true);
  return log as Log;
}

test('the schema refuses what is not SARIF', () => {
  expect(isSarif({ version: '2.1.0', runs: [{}] })).toBe(false);
});

test('an empty run is valid', () => {
  const [run] = logOf(reportOf([])).runs;
  expect([run.results, run.tool.driver.rules]).toEqual([[], []]);
});

test.each(codes)('%s is valid SARIF, with its rule', (code) => {
  const { failing, why }: Entry<never> = catalogue[code];
  const { diagnostics } = checkExample(failing);
  const [{ results, tool }] = logOf({ ...reportOf([]), diagnostics }).runs;
  expect(results.map(({ ruleId }) => ruleId)).toEqual([code]);
  expect(tool.driver.rules).toMatchObject([{ id: code, fullDescription: { text: why } }]);
  const located = diagnostics[0]?.notes.filter(({ span }) => span !== undefined) ?? [];
  expect(results[0]?.relatedLocations?.length ?? 0).toBe(located.length);
  expect(results[0]?.fixes?.length ?? 0).toBe(diagnostics[0]?.fixes.length);
});

describe('a finding', () => {
  const text = attention('q_heads: 8', 'one_kv_head: true', 'head_dim: 64', 'memory_kv:', '  slots: 4', '  heads: 8');
  const [run] = logOf(reportOf([{ path: 'specs/my model.gqa.yaml', text }])).runs;
  const [result] = run.results;

  test('has its region, its note and its fix', () => {
    const uri = 'specs/my%20model.gqa.yaml';
    expect(result).toMatchObject({
      ruleId: 'MEM001',
      ruleIndex: 0,
      level: 'error',
      suppressions: [],
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri },
            region: { startLine: 9, startColumn: 12, endLine: 9, endColumn: 13 },
          },
        },
      ],
      relatedLocations: [{ id: 0, message: { text: '1 KV head because of this' } }],
      fixes: [
        {
          description: { text: 'delete `heads`' },
          artifactChanges: [
            {
              artifactLocation: { uri },
              replacements: [
                {
                  deletedRegion: { startLine: 9, startColumn: 1, endLine: 10, endColumn: 1 },
                  insertedContent: { text: '' },
                },
              ],
            },
          ],
        },
      ],
    });
  });
});

test('ignored and known findings are suppressed results', () => {
  const ignoring = attention(
    'q_heads: 8',
    'head_dim: 64',
    'normalizer: sigmoid',
    'sinks: true # gqac-ignore OPT002: shared',
  );
  const known = reportOf([
    { path: 'b.yaml', text: attention('q_heads: 8', 'kv_heads: 3', 'head_dim: 64') },
  ]).diagnostics;
  const [run] = logOf(reportOf([{ path: 'a.yaml', text: ignoring }], { known })).runs;
  expect(run.results.map(({ ruleId, suppressions }) => [ruleId, suppressions])).toEqual([
    ['OPT002', [{ kind: 'inSource', justification: 'shared' }]],
    ['GQA001', [{ kind: 'external', justification: 'in the baseline' }]],
  ]);
});

test.each([
  ['./a.yaml', 'a.yaml'],
  ['/srv/a b.yaml', 'file:///srv/a%20b.yaml'],
  ['C:\\specs\\a.yaml', 'file:///C:/specs/a.yaml'],
  ['<stdin>', '%3Cstdin%3E'],
  ['50%/\ud800.yaml', '50%25/%EF%BF%BD.yaml'],
])('the path %j is the URI %s', (path, uri) => {
  const [run] = logOf(reportOf([{ path, text: attention('q_heads: 8', 'kv_heads: 3', 'head_dim: 64') }])).runs;
  expect(run.results[0]?.locations[0].physicalLocation.artifactLocation.uri).toBe(uri);
});

test('gqac check --format sarif writes it to standard output', () => {
  const { status, stdout, stderr } = gqac(['check', '-', '--format', 'sarif'], attention('q_heads: 8', 'kv_heads: 3'));
  expect([status, stderr]).toEqual([1, '']);
  const log: unknown = JSON.parse(stdout);
  expect(isSarif(log), ajv.errorsText(isSarif.errors)).toBe(true);
});
