// Owns `ironbark image list`.

import type { CliContext } from '../context.ts';
import { openEc2 } from '../ec2.ts';
import { renderTable } from '../terminal.ts';

export async function showImages(context: CliContext): Promise<void> {
  const ec2 = await openEc2(context);
  const images = (await ec2.call('DescribeImages', { Owners: ['self'] })).Images ?? [];
  context.terminal.result({ images }, () => {
    if (images.length === 0) return `No images. Build one: ${context.self} image build micro`;
    const rows = images.map((image) => [
      image.ImageId ?? '',
      image.Name ?? '',
      image.State ?? '',
      image.RootDeviceType ?? '',
      image.CreationDate ?? '',
      image.Description ?? '',
    ]);
    return renderTable(['IMAGE', 'NAME', 'STATE', 'ROOT', 'CREATED', 'DESCRIPTION'], rows);
  });
}
