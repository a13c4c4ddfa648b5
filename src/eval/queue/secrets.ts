/**
 * Text with the passwords of URLs in it hidden: `redis://user:secret@host` becomes `redis://user:***@host`. A password
 * that holds an unescaped @ or / is hidden as well: everything up to the last @ of the word counts.
 */
export function hideSecrets(text: string): string {
  return text.replace(
    /([a-z][a-z0-9+.-]*:\/\/)([^\s"']*)@/gi,
    (_, scheme: string, user: string) =>
      `${scheme}${user.includes(':') ? `${user.split(':')[0]}:***` : user}@`,
  );
}
