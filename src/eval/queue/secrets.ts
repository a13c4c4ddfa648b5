/**
 * Text with users and passwords of the URLs in it hidden: `redis://user:secret@host` becomes `redis://***@host`; either may be a
 * token. A password that holds an unescaped @ or / is hidden as well: everything up to the last @ of the word counts.
 */
export function hideSecrets(text: string): string {
  return text.replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s"']*@/gi, '$1***@');
}
