/** Text to tokens and back, beside `gqac/runtime`. Nothing here needs Node. */
export { characterTokenizer } from './characters.ts';
export { type ChatMessage, type ChatTemplate, chatTemplate } from './chat-template.ts';
export { huggingFaceTokenizer } from './hugging-face.ts';
export { type FinishReason, type TextPiece, TextSession, type TokenSession } from './text-session.ts';
export { TextStream } from './text-stream.ts';
export type { Tokenizer } from './tokenizer.ts';
