import type { Command } from 'commander';
import { type Model, readModel } from '../src/index.ts';

/** How a model is opened, as all commands that take one have it. */
export interface ModelOptions {
  readonly architecture?: string;
}

export function withModelOptions(command: Command): Command {
  return command
    .optionsGroup('Model:')
    .option(
      '--architecture <file.json>',
      'what model.to_json() gave, for a file of Keras weights alone (default: the JSON beside it)',
    );
}

/** Reads the model of a command. */
export function openModel(path: string, { architecture }: ModelOptions): Promise<Model> {
  return readModel(path, { ...(architecture !== undefined && { architecture }) });
}

/** The model where its path alone does not say what it is, else the path: worker threads then read it themselves. */
export async function modelSource(path: string, options: ModelOptions): Promise<string | Model> {
  return options.architecture === undefined ? path : openModel(path, options);
}

/** What a model is called in the help. */
export const MODEL_KINDS = '.onnx, .h5, .keras, model.json (TensorFlow.js layers) or .bnnq';
