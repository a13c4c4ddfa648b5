import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const PROGRAM = `
import { type Classification, createClassifier, decodeImage, readModel } from 'bnn-quantize/browser';
const classifier = createClassifier(await readModel(await fetch('model.bnnq')));
const image = await decodeImage(new File([], 'image.png'));
const result: Classification = classifier.classify(image, { preprocess: 'torch' });
console.log(result.checksum.length, result.classes[0]!.index);
`;

/** What the compiler says of files that are in the package's folder by their names only. */
function complaintsAbout(texts: Readonly<Record<string, string>>, options: ts.CompilerOptions): string[] {
  const files = new Map(Object.entries(texts).map(([name, text]) => [ROOT + name, text]));
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.getSourceFile = (name, version, ...rest) => {
    const text = files.get(name);
    return text === undefined
      ? getSourceFile(name, version, ...rest)
      : ts.createSourceFile(name, text, version);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ file, messageText }) =>
        `${file?.fileName.slice(ROOT.length)}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    );
}

// Needs the build that `npm test` makes first.
describe('the types of bnn-quantize/browser', () => {
  it('do without those of Node, and still find mistakes', () => {
    const options: ts.CompilerOptions = {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2023,
      lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
      types: [],
      strict: true,
      skipLibCheck: false,
      noEmit: true,
    };
    const wrong = PROGRAM.replace('.checksum.length', '.checksum.size');
    expect(complaintsAbout({ 'right.ts': PROGRAM, 'wrong.ts': wrong }, options)).toEqual([
      expect.stringMatching(/^wrong\.ts: Property 'size' does not exist/),
    ]);
  });
});
